"""What a site lets anybody choose for a server: its software, and how much of a node."""

from collections.abc import Sequence
from dataclasses import dataclass

from spawners.server_options import server_profiles
from spawners.site import Partition, Site, lanes


@dataclass(frozen=True)
class Number:
    """A field for a number: the option, its label, and the most that any partition allows (None: not known)."""

    key: str
    label: str
    most: int | None


def server_places(site: Site) -> Sequence[Partition]:
    """The partitions that some profile for servers leads into."""
    names = dict.fromkeys(lane.partition for profile in server_profiles(site) for lane in lanes(profile))
    return [site.partition(name) for name in names]


def environments(site: Site, places: Sequence[Partition]) -> dict[str, str]:
    """The environments that are built for the processor of one of these partitions; which, where they differ."""
    arches = {place.arch or site.arch for place in places}
    fitting = [one for one in site.environments if one.arch in arches]
    mixed = len({one.arch for one in fitting}) > 1
    return {one.name: f"{one.name}, for {one.arch}" if mixed else one.name for one in fitting}


def numbers(site: Site, places: Sequence[Partition]) -> tuple[Number, ...]:
    """The numbers of which these partitions leave a choice; the gate knows what each of them allows."""
    nodes = _most([place.max_nodes for place in places])
    gpus = max((place.gpus_per_node for place in places), default=0)
    fields = (
        Number("cpus_per_task", "CPUs", _most([place.cpus_per_node for place in places])),
        Number("mem", "Memory of a node in MiB", _most([place.mem_per_node for place in places])),
        Number("gpus", "GPUs, of all nodes together", None if gpus and nodes is None else gpus * (nodes or 1)),
        Number("nodes", "Nodes", nodes),
    )
    left_out = {"mem"} if site.memory.syntax == "none" else set[str]()
    return tuple(one for one in fields if one.key not in left_out and one.most not in (0, 1))


def _most(limits: Sequence[int | None]) -> int | None:
    known = [limit for limit in limits if limit is not None]
    return max(known) if len(known) == len(limits) else None
