"""Rules of size: how long, how much, how many, and what comes with it."""

from collections.abc import Iterator
from typing import NamedTuple

from spawners.resources import Ask, qos_name
from spawners.site import QOS


class Limit(NamedTuple):
    """One option with what was asked, the least, the most (None: not known), and who says so."""

    option: str
    asked: int
    least: int
    most: int | None
    whose: str


def limit(ask: Ask) -> Iterator[str]:
    """Every number is within what profile, partition and QoS allow; the narrowest limit of each is told."""
    narrowest: dict[str, Limit] = {}
    for one in _limits(ask):
        known = narrowest.get(one.option)
        if _broken(one) and (known is None or (one.most or 0) <= (known.most or 0)):
            narrowest[one.option] = one
    for one in narrowest.values():
        allowed = f"{one.least} to {one.most}" if one.most else "none"
        yield f"Option '{one.option}' is {one.asked}, but {one.whose} allows {allowed}."


def _broken(one: Limit) -> bool:
    return one.most is not None and not one.least <= one.asked <= one.most


def _limits(ask: Ask) -> Iterator[Limit]:
    """Every number of the request and every limit on it; the profile's own numbers stand in for unknown limits."""
    asked, partition, profile = ask.resources, ask.partition, ask.profile
    where, own = f"partition '{partition.name}'", f"profile '{profile.name}'"
    yield Limit("time", asked.time, 1, partition.max_time, where)
    yield Limit("time", asked.time, 1, profile.max_time, own)
    for option, number, most, usual in (
        ("nodes", asked.nodes, partition.max_nodes, profile.nodes),
        ("cpus_per_task", asked.cpus_per_task, partition.cpus_per_node, profile.cpus_per_task),
        ("mem", asked.mem, partition.mem_per_node, profile.mem),
    ):
        yield Limit(option, number, 1, *((usual, own) if most is None else (most, where)))
    yield Limit("gpus", asked.gpus, 0, partition.gpus_per_node * asked.nodes, where)
    if ask.qos is not None and asked.qos is not None:
        yield from _qos_limits(ask, ask.qos)


def _qos_limits(ask: Ask, qos: QOS) -> Iterator[Limit]:
    """The numbers of the request that a QoS limits."""
    asked, whose = ask.resources, f"QoS '{qos_name(qos, ask.resources.account)}'"
    cpus = qos.max_cpus and qos.max_cpus // max(asked.nodes, 1)
    gpus = ask.partition.gpus_per_node * asked.nodes if qos.max_gpus is None else qos.max_gpus
    yield Limit("time", asked.time, 1, qos.max_time, whose)
    yield Limit("nodes", asked.nodes, 1, qos.max_nodes, whose)
    yield Limit("cpus_per_task", asked.cpus_per_task, 1, cpus, whose)
    yield Limit("gpus", asked.gpus, qos.min_gpus, gpus, whose)


def qos_default(ask: Ask) -> Iterator[str]:
    """Where no QoS is named, what Slurm takes instead must give enough."""
    if ask.resources.qos is not None or ask.qos is None:
        return
    broken = [one for one in _qos_limits(ask, ask.qos) if _broken(one)]
    if broken:
        enough = [qos for qos in ask.partition.qos if not any(map(_broken, _qos_limits(ask, qos)))]
        names = ", ".join(qos_name(qos, ask.resources.account or "ACCOUNT") for qos in enough)
        yield (
            f"Without the option 'qos', {ask.site.title} takes '{ask.qos.name}', which allows "
            f"{' and '.join(map(_bound, broken))}. "
            f"Choose from: {names or 'none; ask for less'}."
        )


def _bound(one: Limit) -> str:
    """The end of a limit that was broken."""
    return f"{one.option} from {one.least}" if one.asked < one.least else f"{one.option} up to {one.most}"


def memory_asked(ask: Ask) -> Iterator[str]:
    """Where memory comes with the CPUs, or nobody knows how it is asked for, none is asked for."""
    if ask.request.mem is None or ask.site.memory.asked:
        return
    if ask.site.memory.syntax == "none":
        why = f"{ask.site.title} gives memory with the CPUs and refuses jobs that ask for it"
    else:
        why = f"how jobs of {ask.site.title} ask for memory is not known"
    yield (
        f"Option 'mem' is {ask.request.mem}, but {why}. Leave it out, and ask for more CPUs where you need more memory."
    )


def gpu_missing(ask: Ask) -> Iterator[str]:
    """Some partitions are for GPU work only."""
    if ask.partition.gpus_required and not ask.resources.gpus:
        others = ", ".join(p.name for p in ask.site.profiles if not p.gpus and ask.request.purpose in p.purposes)
        yield (
            f"Option 'gpus' is 0, but partition '{ask.partition.name}' takes only jobs with a GPU. "
            f"Ask for at least 1, or choose a profile without: {others or 'there is none'}."
        )


def even_nodes(ask: Ask) -> Iterator[str]:
    """Every node of a job has as many GPUs as the next."""
    gpus, nodes = ask.resources.gpus, max(ask.resources.nodes, 1)
    less = gpus - gpus % nodes
    if gpus != less:
        fitting = _either(less, less + nodes, ask.partition.gpus_per_node * nodes)
        yield (
            f"Option 'gpus' is {gpus}, which cannot be spread evenly over {nodes} nodes. "
            f"Ask for {fitting}, or for another number of nodes."
        )


def whole_node(ask: Ask) -> Iterator[str]:
    """Where nodes are given and billed whole, a part of one costs as much as all of it."""
    partition, nodes = ask.partition, ask.resources.nodes
    if partition.exclusive != "always" and not (partition.exclusive == "multi-node" and nodes > 1):
        return
    if partition.gpus_per_node:
        option, asked, whole = "gpus", ask.resources.gpus, partition.gpus_per_node * nodes
    else:
        option, asked, whole = "cpus_per_task", ask.resources.cpus_per_task, partition.cpus_per_node or 0
    if asked < whole:
        yield (
            f"Option '{option}' is {asked}, but partition '{partition.name}' gives and bills whole nodes: "
            f"it costs as much as {whole}. Ask for {whole}."
        )


def smallest_slice(ask: Ask) -> Iterator[str]:
    """Where a node is given in slices, a part of one costs as much as all of it."""
    asked, least = ask.resources.cpus_per_task, ask.partition.least_cpus
    if least is not None and asked < least:
        yield (
            f"Option 'cpus_per_task' is {asked}, but partition '{ask.partition.name}' gives and bills at least {least} "
            f"CPUs of a node: it costs as much as {least}. Ask for {least}."
        )


def whole_card(ask: Ask) -> Iterator[str]:
    """Where a card is several GPUs to the scheduler, more than one are asked for by whole cards."""
    gpu, count = ask.gpu, ask.gpus_per_node
    if gpu is None or gpu.per_card == 1 or count <= 1 or count % gpu.per_card == 0:
        return
    less = count - count % gpu.per_card
    yield (
        f"{count} GPUs per node leave a part of a card to somebody else: to partition '{ask.partition.name}' a GPU is "
        f"one {gpu.unit}, and {gpu.per_card} of them are one card. "
        f"Ask for {_either(less or 1, less + gpu.per_card, ask.partition.gpus_per_node)} per node."
    )


def gpu_share(ask: Ask) -> Iterator[str]:
    """A job takes no more CPUs and memory than come with its GPUs."""
    gpu, count = ask.gpu, ask.gpus_per_node
    if gpu is None or not count:
        return
    for option, asked, share in (
        ("cpus_per_task", ask.resources.cpus_per_task, gpu.cpus_per_gpu),
        ("mem", ask.resources.mem, gpu.mem_per_gpu),
    ):
        if share is None or asked <= share * count:
            continue
        more = -(-asked // (share * gpu.per_card)) * gpu.per_card
        yield (
            f"Option '{option}' is {asked}, but {share * count} come with {count} {gpu.unit}"
            f"{'' if count == 1 else 's'} of a node: GPUs that nobody uses would be blocked. Ask for at most "
            f"{share * count}{f', or for {more} GPUs per node' if more <= ask.partition.gpus_per_node else ''}."
        )


def tmp_in_memory(ask: Ask) -> Iterator[str]:
    """Dask workers spill what does not fit to disk; where /tmp is memory they need a disk elsewhere."""
    paths = ask.site.paths
    if ask.request.purpose == "cluster" and paths.tmp_in_memory and not (paths.local or paths.scratch):
        yield (
            f"On the nodes of {ask.site.title} /tmp is memory, and no other disk is known, so that Dask workers cannot "
            "spill to disk. Have paths.local or paths.scratch set in the site file."
        )


def _either(less: int, more: int, most: int) -> str:
    """The numbers that would work, of one that is a little less and one that is a little more."""
    return " or ".join(str(number) for number in (less, more) if 0 < number <= most) or "fewer"
