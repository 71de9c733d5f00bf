"""Evidence: how well the facts of a site are known, and which are not."""

from collections.abc import Iterator
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
    yield from _of("time limit", [p.name for p in site.partitions if not _limited(p)], site)
    yield from _of("price", [p.name for p in site.partitions if p.charge is None], site)
    if "environments" not in evidence(site).unknown:
        bare = [p.name for p in site.partitions if not site.fitting(p)]
        yield from _of("an environment for jobs", bare, site)
    answers = (
        ("internet", "internet on compute nodes", site.internet.compute),
        ("policy", "unattended submit", site.policy.unattended_submit),
        ("paths", "whether /tmp is memory", site.paths.tmp_in_memory),
    )
    known = {key for key, fact in site.facts.items() if fact.confidence != "unknown"}
    yield from (what for key, what, answer in answers if answer is None and key in known)


def _of(what: str, names: list[str], site: Site) -> Iterator[str]:
    """One gap, with the partitions that have it where it is not all of them."""
    if names:
        yield what if len(names) == len(site.partitions) else f"{what} of {', '.join(names)}"


def _limited(partition: Partition) -> bool:
    """Whether a job's time has a known limit here: the partition's, or one of each QoS."""
    return partition.max_time is not None or (
        bool(partition.qos) and all(qos.max_time is not None for qos in partition.qos)
    )
