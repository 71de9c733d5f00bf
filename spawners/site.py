"""Site: everything Onramp knows about one system, read from spawners/sites/<name>.yaml and frozen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import Field, model_validator

from spawners.environment import Environment, Slug
from spawners.model_file import read_model
from spawners.site_parts import (
    GPU,
    PURPOSES,
    QOS,
    AccountRule,
    Fact,
    Frozen,
    Internet,
    MemoryRule,
    Partition,
    Paths,
    Policy,
    Profile,
    Purpose,
    Sentence,
    Source,
    Word,
)

__all__ = ["PURPOSES", "Partition", "Profile", "Purpose", "Site", "SiteError", "load_site", "site_names"]

SITES = Path(__file__).parent / "sites"


class SiteError(ValueError):
    """No such site, or a mistake in its file: names the file, the line, the key and the choices."""


_Thing = TypeVar("_Thing", Profile, Partition, Environment, QOS)


class Site(Frozen):
    """One system: where a job may go, how it is asked for there, and how well each fact is known."""

    name: Slug
    title: Sentence
    scheduler: Literal["slurm", "pbs"]
    arch: Literal["x86_64", "aarch64"]
    gpu: GPU | None = None
    partitions: tuple[Partition, ...] = Field(min_length=1)
    account: AccountRule
    memory: MemoryRule = MemoryRule()
    interface: Word | None = None
    paths: Paths
    internet: Internet = Internet()
    policy: Policy = Policy()
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

    def environment(self, name: str | None = None) -> Environment:
        """The environment called `name`, or the site's first; SiteError lists the choices."""
        if name is None and self.environments:
            return self.environments[0]
        return _named(self.environments, name or "(none given)", f"environment of {self.name}")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Every name that is used is also defined, and nothing is defined twice."""
        for things in (self.partitions, self.environments, self.profiles):
            _unique([thing.name for thing in things])
        for profile in self.profiles:
            _check_profile(self, profile)
        for key, fact in self.facts.items():
            if key not in Site.model_fields:
                raise ValueError(f"facts.{key} is not a key of a site. Known: {', '.join(Site.model_fields)}")
            for source in fact.source:
                if source not in self.sources:
                    raise ValueError(
                        f"facts.{key} cites '{source}', which is not in sources: {', '.join(self.sources)}"
                    )
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
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"defined twice: {', '.join(twice)}")


def _check_profile(site: Site, profile: Profile) -> None:
    """A profile names a partition and a QoS of its site and starts within its own limit."""
    partition = site.partition(profile.partition)
    if profile.qos is not None:
        _named(partition.qos, profile.qos, f"QoS of partition {partition.name}")
    if profile.gpus and site.gpu is None:
        raise ValueError(f"profile {profile.name} asks for GPUs, but the site has no 'gpu' section")
    if profile.gpus % profile.nodes:
        raise ValueError(f"profile {profile.name}: {profile.gpus} GPUs cannot be spread over {profile.nodes} nodes")
    if profile.time > profile.max_time:
        raise ValueError(f"profile {profile.name}: time {profile.time} is over its max_time {profile.max_time}")


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
