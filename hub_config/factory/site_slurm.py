"""A site as Slurm sees it: its partitions, nodes, QoS, accounts and rules become the factory's own. Pure.

Each partition gets nodes of its own, two at most or one of each kind; they claim what the site's nodes have.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from hub_config.factory.plan import EMULATED, LEARNERS, PEOPLE, Cluster, Node, SlurmAccount, SlurmPartition, SlurmQOS
from spawners.site import QOS, Partition, Site, lanes

NODES = 2
# Where nobody read how large a node is, and no profile says how much it asks for.
CPUS, MEMORY = 4, 8000
# Top-level folders of the factory itself, which its nodes need.
_OWN = frozenset({"bin", "dev", "etc", "home", "lib", "proc", "run", "sbin", "srv", "sys", "tmp", "usr", "var"})
# The partition QoS by which Slurm refuses jobs without a GPU.
_WITH_GPU = SlurmQOS(name="onramp-with-gpu", limits=("MinTRESPerJob=gres/gpu=1", "Flags=DenyOnLimit"))
# No account has it: an operator gives it to a job that waits, and it takes nodes from jobs of every other QoS.
_URGENT = "onramp-urgent"
# Projects: name, what it is, its people, and the GPU minutes of each of its accounts.
_PROJECTS = (
    ("onboarding", "Onboarding course", PEOPLE[:4], 6000),
    ("sme", "SME prototyping", PEOPLE[4:], 3000),
    ("grading", "Grading of submissions", ("onramp-grade",), 3000),
)


def cluster(site: Site, told: str, real_gpus: Sequence[str] = ()) -> Cluster:
    """Return the cluster of a site; real GPUs (device files) come first, and emulated ones stand in for the rest."""
    nodes = {partition.name: tuple(_nodes(site, partition)) for partition in site.partitions}
    return Cluster(
        site=told,
        nodes=tuple(_with_gpus([node for several in nodes.values() for node in several], list(real_gpus))),
        partitions=tuple(
            SlurmPartition(
                name=partition.name,
                nodes=tuple(node.name for node in nodes[partition.name]),
                options=tuple(_options(site, partition)),
            )
            for partition in site.partitions
        ),
        qos=_qos(site),
        accounts=tuple(_accounts(site)),
        asked_of_jobs=_asked_of_jobs(site),
    )


def _nodes(site: Site, partition: Partition) -> Iterator[Node]:
    """The nodes of a partition; with several features, one node of each."""
    asking = [profile for profile in site.profiles if partition.name in {lane.partition for lane in lanes(profile)}]
    stem = re.sub(r"[^a-z0-9]+", "-", partition.name.lower())
    stem += "-" if stem[-1].isdigit() else ""
    gpu = site.gpu(partition)
    kinds: list[tuple[str, ...]] = [(feature,) for feature in partition.constraints] or [()]
    for number in range(max(min(NODES, partition.max_nodes or NODES), len(kinds))):
        name = f"{stem}{number + 1}"
        yield Node(
            name=name,
            cpus=partition.cpus_per_node or max((profile.cpus_per_task for profile in asking), default=CPUS),
            memory=partition.mem_per_node or max((profile.mem for profile in asking), default=MEMORY),
            gpus=tuple(f"{EMULATED}/{name}/{index}" for index in range(partition.gpus_per_node)),
            gpu_type=gpu.type if gpu else None,
            features=kinds[number % len(kinds)],
            hidden=_hidden(site),
            tmp=(site.paths.tmp_size or partition.mem_per_node or MEMORY) if site.paths.tmp_in_memory else None,
            internet=site.internet.compute is not False or partition.name == site.internet.staging,
        )


def _hidden(site: Site) -> tuple[str, ...]:
    """The site's folders for login nodes alone, but for those without which no factory runs."""
    return tuple(tree for tree in site.paths.login_only if tree.split("/")[1] not in _OWN)


def _with_gpus(nodes: Sequence[Node], real: list[str]) -> Iterator[Node]:
    """The nodes in order, with real GPUs for as long as there are some, and emulated ones for the rest."""
    for node in nodes:
        taken, real = tuple(real[: len(node.gpus)]), real[len(node.gpus) :]
        yield node.model_copy(update={"gpus": (*taken, *node.gpus[len(taken) :])})


def _options(site: Site, partition: Partition) -> Iterator[str]:
    """What slurm.conf says of a partition."""
    if partition == site.partitions[0]:
        yield "Default=YES"
    yield f"DefaultTime={min(60, partition.max_time or 60)}"
    yield f"MaxTime={partition.max_time or 'UNLIMITED'}"
    if partition.max_nodes:
        yield f"MaxNodes={partition.max_nodes}"
    if partition.exclusive == "always":
        yield "OverSubscribe=EXCLUSIVE"
    if not site.memory.asked and partition.cpus_per_node and partition.mem_per_node:
        yield f"DefMemPerCPU={partition.mem_per_node // partition.cpus_per_node}"
    yield from _admission(site, partition)


def _admission(site: Site, partition: Partition) -> Iterator[str]:
    """Whose jobs a partition takes: people's alone, of accounts of its form, with a QoS it lists, with a GPU."""
    if site.policy.unattended_submit is False:
        yield f"AllowGroups={LEARNERS}"
    if len(_templates(site)) > 1:
        template = _template(site, partition)
        yield f"AllowAccounts={','.join(_account_name(template, project) for project, *_ in _PROJECTS)}"
    if any(other.qos for other in site.partitions):
        usual = () if partition.qos_required else ("normal",)
        names = (name for qos in partition.qos for name in _qos_names(site, qos))
        yield f"AllowQos={','.join(dict.fromkeys((*usual, *names, _URGENT)))}"
    if partition.gpus_required:
        yield f"QOS={_WITH_GPU.name}"


def _qos(site: Site) -> tuple[SlurmQOS, ...]:
    """Every QoS by name; one that partitions limit differently has the widest limits, and theirs do the rest.

    The last one preempts all others.
    """
    found: dict[str, list[QOS]] = {}
    for partition in site.partitions:
        for qos in partition.qos:
            for name in _qos_names(site, qos):
                found.setdefault(name, []).append(qos)
    named = tuple(SlurmQOS(name=name, limits=tuple(_limits(several))) for name, several in found.items())
    with_gpu = (_WITH_GPU,) if any(partition.gpus_required for partition in site.partitions) else ()
    preempted = dict.fromkeys(("normal", *found))
    return (*named, *with_gpu, SlurmQOS(name=_URGENT, limits=(f"Preempt={','.join(preempted)}",)))


def _limits(several: Sequence[QOS]) -> Iterator[str]:
    """The limits of a QoS as sacctmgr sets them; -1 is none."""
    yield "Flags=DenyOnLimit"
    yield f"MinTRESPerJob=gres/gpu={min(qos.min_gpus for qos in several) or -1}"
    most = {
        "node": _widest(qos.max_nodes for qos in several),
        "cpu": _widest(qos.max_cpus for qos in several),
        "gres/gpu": _widest(qos.max_gpus for qos in several),
    }
    yield f"MaxTRESPerJob={','.join(f'{name}={number}' for name, number in most.items())}"
    yield f"MaxWall={_widest(qos.max_time for qos in several)}"
    yield f"MaxJobsPerUser={_widest(qos.max_jobs for qos in several)}"


def _widest(limits: Iterable[int | None]) -> int:
    """The largest of several limits, or -1 (no limit) if one of them is unknown."""
    known = list(limits)
    return -1 if None in known else max(limit for limit in known if limit is not None)


def _qos_names(site: Site, qos: QOS) -> tuple[str, ...]:
    """What a QoS is called: one name, or one for each account."""
    if "{account}" not in qos.name:
        return (qos.name.lower(),)
    return tuple(qos.name.replace("{account}", account.name).lower() for account in _accounts(site))


def _template(site: Site, partition: Partition) -> str:
    return partition.account or site.account.template


def _templates(site: Site) -> tuple[str, ...]:
    """Every form of account here, the site's usual one first."""
    return tuple(dict.fromkeys((site.account.template, *(_template(site, partition) for partition in site.partitions))))


def _account_name(template: str, project: str) -> str:
    """The account of a project in one form; Slurm writes accounts in lower case."""
    return template.replace("{project}", project).lower()


def _accounts(site: Site) -> Iterator[SlurmAccount]:
    """The accounts of every form; the first of a person becomes their default."""
    every = [qos.name for partition in site.partitions for qos in partition.qos]
    for template in _templates(site):
        for project, description, people, gpu_minutes in _PROJECTS:
            name = _account_name(template, project)
            qos = tuple(dict.fromkeys(one.replace("{account}", name).lower() for one in every))
            yield SlurmAccount(name=name, description=description, people=people, gpu_minutes=gpu_minutes, qos=qos)


def _asked_of_jobs(site: Site) -> dict[str, object]:
    """What job_submit.lua looks at."""
    return {
        "account_required": site.account.required,
        "memory_comes_with_cpus": site.memory.syntax == "none",
        "default_partition": site.partitions[0].name,
        "partitions": {partition.name: dict(_asked_in(site, partition)) for partition in site.partitions},
    }


def _asked_in(site: Site, partition: Partition) -> Iterator[tuple[str, object]]:
    """What one partition asks of its jobs."""
    yield "constraint_required", partition.constraint_required
    yield "forbids_notebooks", partition.login_nodes and site.policy.login_notebooks is False
    for qos in partition.qos:
        if qos.default:
            yield "default_qos", qos.name.lower()
    if partition.exclusive == "multi-node":
        yield "whole_from", 2
    if partition.least_cpus:
        yield "least_cpus", partition.least_cpus
