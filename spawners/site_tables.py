"""What is known of a site, as tables of words: the same for a terminal and for a page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spawners.factories import load_factories
from spawners.price import amount
from spawners.site import GPU, QOS, Partition, Profile, Site
from spawners.site_parts import Charge, Fact

UNKNOWN = "not known"
TIERS = {"A": "A: enough was read for a draft", "B": "B: a draft that needs special handling", None: "ours"}
EXCLUSIVE = {
    None: UNKNOWN,
    "never": "no",
    "multi-node": "for jobs on several nodes",
    "always": "yes",
}


@dataclass(frozen=True)
class TableOfWords:
    """One table: a title, the heads of its columns, and its rows."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def site_tables(site: Site) -> tuple[TableOfWords, ...]:
    """Everything that a person may want to look up about a site; tables without rows are left out."""
    tables = (
        TableOfWords("The system", ("", ""), _system(site)),
        TableOfWords("GPUs", ("name", "model", "one is counted as", "asked for with", "comes with"), _gpus(site.gpus)),
        TableOfWords(
            "Partitions", ("name", "what for", "a node", "at most", "whole nodes", "QoS", "price"), _partitions(site)
        ),
        TableOfWords(
            "Profiles", ("name", "on the start page", "goes to", "gets", "at most", "verified"), _profiles(site)
        ),
        TableOfWords("Notes", ("",), [(note,) for note in site.notes]),
        TableOfWords("How well it is known", ("fact", "confidence", "read in", "note"), _facts(site)),
    )
    return tuple(table for table in tables if table.rows)


def _system(site: Site) -> list[tuple[str, ...]]:
    factories = ", ".join(load_factories().of(site.name)) or UNKNOWN
    login = site.login
    return [
        ("AI Factory", factories),
        ("tier", TIERS[site.tier]),
        ("scheduler", {"slurm": "Slurm", "pbs": "PBS Pro"}[site.scheduler]),
        ("processors", f"{site.arch} on compute nodes, {login.arch or UNKNOWN} on login nodes"),
        ("login nodes", ", ".join(login.hosts) or UNKNOWN),
        ("sign-in", login.signin or UNKNOWN),
        ("account", f"{'mandatory' if site.account.required else 'optional'}, for example {site.account.example}"),
        ("memory", _memory_rule(site)),
        ("interface", site.interface or UNKNOWN),
        ("internet", f"login nodes: {answer(site.internet.login)}, compute nodes: {answer(site.internet.compute)}"),
        ("jobs nobody submits", answer(site.policy.unattended_submit, "allowed", "forbidden")),
        ("preempted jobs", answer(site.policy.requeue, "go back into the queue", "end")),
        ("notebooks on login nodes", answer(site.policy.login_notebooks, "allowed", "forbidden")),
        *_optional(
            ("home", site.paths.home),
            ("project folder", site.paths.project),
            ("scratch", site.paths.scratch),
            ("disk on the node", site.paths.local),
            ("folders", site.paths.note),
            ("only on login nodes", ", ".join(site.paths.login_only)),
            ("course account", site.teaching.account),
            ("course reservation", site.teaching.reservation),
            ("course QoS", site.teaching.qos),
            ("Jupyter today", site.jupyter),
            ("policy", site.policy.note),
        ),
    ]


def _memory_rule(site: Site) -> str:
    """How memory is asked for."""
    if site.memory.syntax is None:
        return f"{UNKNOWN} how it is asked for, so jobs ask for none"
    if site.memory.syntax == "none":
        return "comes with the CPUs, may not be asked for"
    return f"asked for with --{site.memory.syntax}"


def _optional(*rows: tuple[str, str | None]) -> Iterable[tuple[str, ...]]:
    return ((what, value) for what, value in rows if value)


def answer(known: bool | None, yes: str = "yes", no: str = "no") -> str:
    """Say what is known of a question of yes or no."""
    return UNKNOWN if known is None else yes if known else no


def _gpus(gpus: Iterable[GPU]) -> list[tuple[str, ...]]:
    return [
        (gpu.name, gpu.model, _unit(gpu), f"--{_option(gpu)}{f' {gpu.type}' if gpu.type else ''}", _share(gpu))
        for gpu in gpus
    ]


def _option(gpu: GPU) -> str:
    return "gres=shard" if gpu.syntax == "shard" else gpu.syntax


def _unit(gpu: GPU) -> str:
    return gpu.unit if gpu.per_card == 1 else f"{gpu.unit}, {gpu.per_card} to a card"


def _share(gpu: GPU) -> str:
    parts = [f"{gpu.cpus_per_gpu} CPUs" if gpu.cpus_per_gpu else "", _memory(gpu.mem_per_gpu)]
    return ", ".join(filter(None, parts)) or UNKNOWN


def _memory(mebibytes: int | None) -> str:
    return f"{mebibytes / 1024:.4g} GiB" if mebibytes else ""


def _partitions(site: Site) -> list[tuple[str, ...]]:
    return [
        (
            one.name,
            one.title,
            _node(one),
            _limits(one.max_time, one.max_nodes),
            EXCLUSIVE[one.exclusive],
            ", ".join(map(_qos, one.qos)),
            price(one.charge),
        )
        for one in site.partitions
    ]


def _node(partition: Partition) -> str:
    parts = [
        f"{partition.gpus_per_node} × {partition.gpu}" if partition.gpus_per_node else "",
        f"{partition.cpus_per_node} CPUs" if partition.cpus_per_node else "",
        _memory(partition.mem_per_node),
        partition.arch or "",
    ]
    return ", ".join(filter(None, parts)) or UNKNOWN


def _limits(minutes: int | None, nodes: int | None) -> str:
    parts = [hours(minutes) if minutes else "", f"{nodes} node{'' if nodes == 1 else 's'}" if nodes else ""]
    return ", ".join(filter(None, parts)) or UNKNOWN


def hours(minutes: int) -> str:
    """Write a time limit as people say it: 30 min, 24 h."""
    return f"{minutes} min" if minutes % 60 else f"{minutes // 60} h"


def _qos(qos: QOS) -> str:
    limits = [
        hours(qos.max_time) if qos.max_time else "",
        f"{qos.max_nodes} nodes" if qos.max_nodes else "",
        f"{qos.max_cpus} CPUs" if qos.max_cpus else "",
        "only with a GPU" if qos.min_gpus else "",
        f"{qos.max_gpus} GPUs" if qos.max_gpus is not None else "",
        f"{qos.max_jobs} at a time" if qos.max_jobs else "",
        "may be preempted" if qos.preemptible else "",
        "where none is named" if qos.default else "",
    ]
    said = ", ".join(filter(None, limits))
    return f"{qos.name} ({said})" if said else qos.name


def price(charge: Charge | None) -> str:
    """Say what an hour costs."""
    if charge is None:
        return UNKNOWN
    if not charge.rate:
        return "free"
    per = {"gpu": "GPU", "share": "GPU's share of a node", "node": "node", "cpu": "CPU"}[charge.per]
    memory = f", or of {_memory(charge.mem_per_cpu)}" if charge.mem_per_cpu else ""
    said = f"{amount(charge.rate, charge.unit)} for an hour of a {per}{memory}"
    return f"about {said}, by our reading" if charge.reading else said


def _profiles(site: Site) -> list[tuple[str, ...]]:
    return [
        (one.name, one.display_name, _lane(one), _size(one), hours(one.max_time), "yes" if one.verified else "no")
        for one in site.profiles
    ]


def _lane(profile: Profile) -> str:
    return " ".join(filter(None, (profile.partition, profile.qos, profile.constraint)))


def _size(profile: Profile) -> str:
    parts = [
        f"{profile.nodes} nodes" if profile.nodes > 1 else "",
        f"{profile.gpus} GPUs" if profile.gpus > 1 else "1 GPU" if profile.gpus else "",
        f"{profile.cpus_per_task} CPU{'' if profile.cpus_per_task == 1 else 's'}",
        _memory(profile.mem),
    ]
    return ", ".join(filter(None, parts))


def _facts(site: Site) -> list[tuple[str, ...]]:
    return [(key, fact.confidence, _read_in(site, fact), fact.note or "") for key, fact in site.facts.items()]


def _read_in(site: Site, fact: Fact) -> str:
    said = [f"{site.sources[name].ref} ({site.sources[name].kind})" for name in fact.source]
    return "; ".join(dict.fromkeys(said))
