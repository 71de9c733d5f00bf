"""Evidence: how well the facts of a site are known, and which are not."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from spawners.site import Partition, Site
from spawners.site_parts import Fact

# Kinds of source that the people who run a system, or a public repository that is run there, stand behind.
STRONG = frozenset({"official", "official-training", "config-repo", "ours"})


@dataclass(frozen=True)
class Evidence:
    """Keys of a site's facts: read in a strong source, read in another, guessed, not known."""

    strong: tuple[str, ...]
    weak: tuple[str, ...]
    guessed: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def counts(self) -> str:
        """The four numbers, in this order: 9/3/1/2."""
        return "/".join(str(len(keys)) for keys in (self.strong, self.weak, self.guessed, self.unknown))


def evidence(site: Site) -> Evidence:
    """Sort the facts of a site by how well they are known."""
    sorted_: dict[str, list[str]] = {"strong": [], "weak": [], "guessed": [], "unknown": []}
    for key, fact in site.facts.items():
        sorted_[_grade(site, fact)].append(key)
    return Evidence(**{grade: tuple(keys) for grade, keys in sorted_.items()})


def _grade(site: Site, fact: Fact) -> str:
    if fact.confidence == "unknown":
        return "unknown"
    if fact.confidence in ("inferred", "memory"):
        return "guessed"
    return "strong" if any(site.sources[name].kind in STRONG for name in fact.source) else "weak"


def unknowns(site: Site) -> tuple[str, ...]:
    """What nobody read: facts as a whole, and gaps in those that are known in part."""
    return (*evidence(site).unknown, *_gaps(site))


def _gaps(site: Site) -> Iterator[str]:
    """Numbers and answers that are missing from facts that are known in part."""
    known = {key for key, fact in site.facts.items() if fact.confidence != "unknown"}
    yield from _limits(site)
    for what, missing in _OF_PARTITIONS.items():
        yield from _of(what, [one.name for one in site.partitions if missing(one)], site)
    if "environments" not in evidence(site).unknown:
        bare = [one.name for one in site.partitions if not site.fitting(one)]
        yield from _of("an environment for jobs", bare, site)
    yield from (what for what, (key, answer) in _OF_SITES.items() if key in known and answer(site) is None)


# What is asked of every partition, and when the answer is missing.
_OF_PARTITIONS: Mapping[str, Callable[[Partition], bool]] = {
    "price": lambda one: one.charge is None,
    "whether nodes are given whole": lambda one: one.exclusive is None,
    "memory of a node": lambda one: one.mem_per_node is None,
}
# What is asked of every site: the fact that it belongs to, and the answer.
_OF_SITES: Mapping[str, tuple[str, Callable[[Site], object]]] = {
    "processor of login nodes": ("login", lambda site: site.login.arch),
    "sign-in": ("login", lambda site: site.login.signin),
    "internet on login nodes": ("internet", lambda site: site.internet.login),
    "internet on compute nodes": ("internet", lambda site: site.internet.compute),
    "unattended submit": ("policy", lambda site: site.policy.unattended_submit),
    "notebooks on login nodes": ("policy", lambda site: site.policy.login_notebooks),
    "what becomes of preempted jobs": ("policy", lambda site: site.policy.requeue),
    "whether /tmp is memory": ("paths", lambda site: site.paths.tmp_in_memory),
}


def _of(what: str, names: list[str], site: Site) -> Iterator[str]:
    """One gap, with the partitions that have it where it is not all of them."""
    if names:
        yield what if len(names) == len(site.partitions) else f"{what} of {', '.join(names)}"


def _limits(site: Site) -> Iterator[str]:
    """Times without a known limit: of whole partitions, or of a QoS where the partition's others have one."""
    open_ = [one for one in site.partitions if one.max_time is None]
    limited = [one for one in open_ if any(qos.max_time for qos in one.qos)]
    yield from _of("time limit", [one.name for one in open_ if one not in limited], site)
    names = [qos.name for one in limited for qos in one.qos if qos.max_time is None]
    if names:
        yield f"time limit of QoS {', '.join(dict.fromkeys(names))}"
