"""The European AI Factories and antennas: which system their users land on, and what is still to be learned."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from spawners.environment import Slug
from spawners.model_file import at, read_model
from spawners.site import SiteError, site_names
from spawners.site_parts import File, Frozen, Sentence, Source

FILE = Path(__file__).parent / "factories.yaml"


class Cited(Frozen):
    """Something read in one or more of the sources."""

    source: tuple[str, ...] = Field(min_length=1)


class Planned(Frozen):
    """A system to come; dates and words are None where nobody read them."""

    system: Sentence
    contract: date | None = None
    when: Sentence | None = None


class Route(Cited):
    """One way to get computing time from EuroHPC."""

    name: Slug
    for_whom: Sentence
    size: Sentence | None = None
    duration: Sentence
    answer: Sentence


class Factory(Cited):
    """One AI Factory: `systems` are those its users get today, the first by default.

    `routes` are those of which an award was read; `experimental`: it announced an experimental platform.
    """

    name: Sentence
    country: Sentence
    partners: tuple[Sentence, ...] = ()
    host: Sentence
    selected: date
    systems: tuple[Slug, ...] = Field(min_length=1)
    planned: tuple[Planned, ...] = ()
    sectors: tuple[Sentence, ...] = ()
    routes: tuple[Slug, ...] = ()
    experimental: bool = False


class Antenna(Cited):
    """A country's way to the systems of other countries' factories; none where the link was not read."""

    country: Sentence
    name: Sentence | None = None
    factories: tuple[Sentence, ...] = ()
    disputed: bool = False
    sectors: tuple[Sentence, ...] = ()


class Question(Frozen):
    """What must still be learned, and the command that answers it on the machine."""

    what: Sentence
    command: Sentence


class Listed(Cited):
    """A system of which too little was read for a profile. Tier C: some facts; D: hardly any."""

    name: Slug
    title: Sentence
    tier: Literal["C", "D"]
    known: tuple[Sentence, ...] = ()
    learn: tuple[Question, ...] = Field(min_length=1)


class Factories(File):
    """Everything in factories.yaml; `read` is the day on which it was last compared with its sources."""

    read: date
    factories: tuple[Factory, ...]
    antennas: tuple[Antenna, ...]
    routes: tuple[Route, ...]
    listed: tuple[Listed, ...]
    sources: dict[str, Source]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Every system, factory, route and source that is named is there."""
        systems = {*site_names(), *(listed.name for listed in self.listed)}
        for number, factory in enumerate(self.factories):
            with at("factories", number):
                _known("system", factory.systems, systems)
                _known("route", factory.routes, {route.name for route in self.routes})
        for number, antenna in enumerate(self.antennas):
            with at("antennas", number):
                _known("factory", antenna.factories, {factory.name for factory in self.factories})
        for key in ("factories", "antennas", "routes", "listed"):
            for number, thing in enumerate(getattr(self, key)):
                with at(key, number, "source"):
                    _known("source", thing.source, set(self.sources))
        return self

    def of(self, system: str) -> tuple[str, ...]:
        """The names of the factories whose users get a system."""
        return tuple(factory.name for factory in self.factories if system in factory.systems)


def _known(what: str, named: Sequence[str], known: set[str]) -> None:
    """Refuse names that nothing has."""
    if missing := [name for name in named if name not in known]:
        raise ValueError(f"no {what} is called {', '.join(missing)}. Known: {', '.join(sorted(known))}")


@cache
def load_factories() -> Factories:
    """Read factories.yaml; raises SiteError."""
    return read_model(FILE, Factories, SiteError)
