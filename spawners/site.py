"""Site: everything Onramp knows about one system, read from spawners/sites/<name>.yaml and frozen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import Field, model_validator

from spawners.environment import Arch, Environment, Slug
from spawners.model_file import Contradiction, at, read_model
from spawners.site_parts import (
    GPU,
    PURPOSES,
    QOS,
    AccountRule,
    Fact,
    File,
    Internet,
    Lane,
    Login,
    MemoryRule,
    Partition,
    Paths,
    Policy,
    Profile,
    Purpose,
    Resource,
    Sentence,
    Source,
    Teaching,
    Word,
    account_pattern,
)

__all__ = [
    "GPU",
    "PURPOSES",
    "QOS",
    "Lane",
    "Partition",
    "Profile",
    "Purpose",
    "Site",
    "SiteError",
    "lanes",
    "load_site",
    "site_names",
]

SITES = Path(__file__).parent / "sites"


class SiteError(ValueError):
    """No such site, or a mistake in its file: names the file, the line, the key and the choices."""


_Thing = TypeVar("_Thing", Profile, Partition, Environment, GPU, QOS)


class Site(File):
    """One system: where a job may go, how it is asked for there, what it costs, and how well each fact is known.

    `arch` is that of the compute nodes, unless a partition says otherwise. `tier` is how much was read: A, enough for
    a draft; B, a draft that needs special handling. `resource_list` and `hint` go into every job.
    """

    name: Slug
    title: Sentence
    tier: Literal["A", "B"] | None = None
    scheduler: Literal["slurm", "pbs"]
    login: Login = Login()
    arch: Arch
    gpus: tuple[GPU, ...] = ()
    partitions: tuple[Partition, ...] = Field(min_length=1)
    account: AccountRule
    memory: MemoryRule = MemoryRule()
    hint: Literal["nomultithread"] | None = None
    resource_list: tuple[Resource, ...] = ()
    interface: Word | None = None
    paths: Paths
    internet: Internet = Internet()
    policy: Policy = Policy()
    teaching: Teaching = Teaching()
    jupyter: Sentence | None = None
    notes: tuple[Sentence, ...] = ()
    environments: tuple[Environment, ...] = ()
    profiles: tuple[Profile, ...] = Field(min_length=1)
    facts: dict[str, Fact] = Field(default_factory=dict)
    sources: dict[str, Source] = Field(default_factory=dict)

    def profile(self, name: str) -> Profile:
        """The profile called `name`; SiteError lists the choices."""
        return _named(self.profiles, name, f"profile of {self.name}")

    def partition(self, name: str) -> Partition:
        """The partition called `name`; SiteError lists the choices."""
        return _named(self.partitions, name, f"partition of {self.name}")

    def gpu(self, partition: Partition) -> GPU | None:
        """The kind of GPU in a partition of this site; None where it has none."""
        return next((gpu for gpu in self.gpus if gpu.name == partition.gpu), None)

    def arch_of(self, partition: Partition) -> Arch:
        """The processors of a partition's nodes."""
        return partition.arch or self.arch

    def fitting(self, partition: Partition) -> tuple[Environment, ...]:
        """The environments that are built for the processors of a partition."""
        return tuple(one for one in self.environments if one.arch == self.arch_of(partition))

    def project(self, account: str) -> str:
        """The project in an account of this site, by the first template that it fits; otherwise the account itself."""
        templates = [*(p.account for p in self.partitions if p.account), self.account.template]
        found = (account_pattern(template).fullmatch(account) for template in templates)
        return next((match[1] for match in found if match), account)

    def runtime(self, user: str, account: str | None) -> str:
        """The runtime directory of a user under an account, which login and compute nodes share."""
        return self._folder(self.paths.runtime, user, account)

    def folders(self, user: str, account: str | None) -> dict[str, str]:
        """Where files of a user and of an account's project are kept: home, project and scratch, as far as known."""
        known = {"home": self.paths.home, "project": self.paths.project, "scratch": self.paths.scratch}
        return {name: self._folder(one, user, account) for name, one in known.items() if one}

    def spill(self, user: str, account: str | None) -> str | None:
        """Where a job writes what its memory does not hold: a disk, where /tmp is memory itself; None: /tmp."""
        disk = self.paths.local or self.paths.scratch
        return self._folder(disk, user, account) if disk and self.paths.tmp_in_memory else None

    def _folder(self, template: str, user: str, account: str | None) -> str:
        account = account or ""
        return template.format(user=user, account=account, project=self.project(account))

    def environment(self, name: str | None = None) -> Environment:
        """The environment called `name`, or the site's first; SiteError lists the choices."""
        if name is None and self.environments:
            return self.environments[0]
        return _named(self.environments, name or "(none given)", f"environment of {self.name}")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Every name that is used is also defined, and nothing is defined twice."""
        for key in ("gpus", "partitions", "environments", "profiles"):
            with at(key):
                _unique([thing.name for thing in getattr(self, key)])
        for number, partition in enumerate(self.partitions):
            with at("partitions", number, "qos"):
                _unique([qos.name for qos in partition.qos])
            if partition.gpu is not None:
                with at("partitions", number, "gpu"):
                    _named(self.gpus, partition.gpu, f"kind of GPU (partition {partition.name})")
        if self.internet.staging is not None:
            with at("internet", "staging"):
                self.partition(self.internet.staging)
        for number, profile in enumerate(self.profiles):
            with at("profiles", number):
                _check_profile(self, profile)
        with at("facts"):
            _check_facts(self)
        return self


def _named(things: Sequence[_Thing], name: str, what: str) -> _Thing:
    """The thing called `name`, or a SiteError that lists what there is."""
    for thing in things:
        if thing.name == name:
            return thing
    choices = ", ".join(thing.name for thing in things) or "none"
    raise SiteError(f"There is no {what} called '{name}'. Choose from: {choices}.")


def _unique(names: list[str]) -> None:
    """Two things of one name would make a request ambiguous."""
    for number, name in enumerate(names):
        if name in names[:number]:
            raise Contradiction(f"defined twice: {name}", number, "name")


def _check_profile(site: Site, profile: Profile) -> None:
    """A profile names lanes and a fallback that exist, and starts within its own limit."""
    for number, lane in enumerate(lanes(profile)):
        with at(*(("lanes", number - 1) if number else ())):
            _check_lane(site, profile, lane)
    if profile.fallback is not None:
        with at("fallback"):
            site.profile(profile.fallback)
    if profile.gpus % profile.nodes:
        told = f"profile {profile.name}: {profile.gpus} GPUs cannot be spread over {profile.nodes} nodes"
        raise Contradiction(told, "gpus")
    if profile.time > profile.max_time:
        told = f"profile {profile.name}: time {profile.time} is over its max_time {profile.max_time}"
        raise Contradiction(told, "time")


def _check_lane(site: Site, profile: Profile, lane: Lane) -> None:
    """A lane leads into a partition that takes its QoS and its constraint, and has GPUs where some are asked for."""
    with at("partition"):
        partition = site.partition(lane.partition)
        if profile.gpus and not partition.gpus_per_node:
            raise ValueError(f"profile {profile.name} asks for GPUs, but partition {partition.name} has none")
    if lane.qos is not None:
        with at("qos"):
            _named(partition.qos, lane.qos, f"QoS of partition {partition.name}")
    if lane.constraint is not None and lane.constraint not in partition.constraints:
        known = ", ".join(partition.constraints) or "none"
        told = f"There is no constraint of partition {partition.name} called '{lane.constraint}'. Choose from: {known}."
        raise Contradiction(told, "constraint")


def lanes(profile: Profile) -> tuple[Lane, ...]:
    """All ways into the queue for a profile, its own first."""
    own = Lane(partition=profile.partition, qos=profile.qos, constraint=profile.constraint)
    return (own, *profile.lanes)


def _check_facts(site: Site) -> None:
    """Facts speak of keys of a site and cite sources that are listed."""
    for key, fact in site.facts.items():
        with at(key):
            if key not in Site.model_fields:
                raise ValueError(f"is not a key of a site. Known: {', '.join(Site.model_fields)}")
            for source in fact.source:
                if source not in site.sources:
                    raise ValueError(f"cites '{source}', which is not in sources: {', '.join(site.sources)}")


def site_names() -> tuple[str, ...]:
    """The names of the sites that come with Onramp."""
    return tuple(sorted(path.stem for path in SITES.glob("*.yaml")))


def load_site(name_or_path: str | Path) -> Site:
    """Read a site by its name, or from a file where a path (with / or .yaml) is given; raises SiteError."""
    text = str(name_or_path)
    if "/" in text or text.endswith((".yaml", ".yml")):
        return read_model(Path(text), Site, SiteError)
    if text not in site_names():
        raise SiteError(f"There is no site '{text}'. Choose from: {', '.join(site_names())}, or give a path to a file.")
    return read_model(SITES / f"{text}.yaml", Site, SiteError)
