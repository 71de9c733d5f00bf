"""What the EU AI Act asks of a use case, by rules that people wrote: same answers, same findings. No legal advice.

The rules are data, beside this file: each with its article, the date from which it applies, and its source.
"""

from collections.abc import Collection, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, model_validator

from spawners.model_file import Contradiction, read_model

Category = Literal["excluded", "prohibited", "high-risk", "transparency", "minimal"]  # what comes first decides
_ORDER: tuple[Category, ...] = ("excluded", "prohibited", "high-risk", "transparency", "minimal")
NOTE = "This is no legal advice: have a lawyer read what matters."


class AiActError(ValueError):
    """The rules, or what was said of a use case, cannot be used; the message says what is known."""


class Source(BaseModel, frozen=True, extra="forbid"):
    """Where a rule was read: in the law itself, or in what somebody wrote about it."""

    title: str
    link: str = Field(pattern="^https://")
    kind: Literal["primary", "secondary"]


class Rule(BaseModel, frozen=True, extra="forbid"):
    """What follows where all facts of `when` are the case and none of `unless`."""

    category: Category
    when: tuple[str, ...]
    unless: tuple[str, ...] = ()
    article: str
    applies: date
    says: str
    source: str


class Rules(BaseModel, frozen=True, extra="forbid"):
    """ai_act.yaml."""

    as_of: date
    left_out: str = Field(description="what is known to be missing among the rules")
    sources: Mapping[str, Source]
    facts: Mapping[str, str]
    rules: tuple[Rule, ...]

    @model_validator(mode="after")
    def _known(self) -> "Rules":
        for number, rule in enumerate(self.rules):
            if rule.source not in self.sources:
                raise Contradiction(f"choose a source of {', '.join(self.sources)}", "rules", number, "source")
            for key, facts in (("when", rule.when), ("unless", rule.unless)):
                if unknown := set(facts) - set(self.facts):
                    raise Contradiction(f"{', '.join(sorted(unknown))} is none of the facts", "rules", number, key)
        return self


class Triage(BaseModel, frozen=True, extra="forbid"):
    """What was found: the strictest category, and each rule that holds, the strictest first."""

    category: Category
    findings: tuple[Rule, ...]
    as_of: date

    def __str__(self) -> str:
        known = rules()
        lines = (
            f"- {one.article}, from {one.applies:%-d %B %Y} ({known.sources[one.source].kind} source): {one.says}"
            for one in self.findings
        )
        return "\n".join((self.category, *lines, known.left_out, f"As of {self.as_of:%-d %B %Y}. {NOTE}"))


@cache
def rules() -> Rules:
    """Return the rules that come with Onramp."""
    return read_model(Path(__file__).with_name("ai_act.yaml"), Rules, AiActError)


def triage(facts: Collection[str]) -> Triage:
    """Return what the Act asks where these facts are the case. Raises AiActError for a fact that is not known."""
    known = rules()
    if isinstance(facts, str) or (unknown := set(facts) - set(known.facts)):
        asked = facts if isinstance(facts, str) else ", ".join(sorted(map(str, unknown)))
        raise AiActError(f"Facts are a set of words, and {asked!r} is not that: choose of {', '.join(known.facts)}.")
    held = [one for one in known.rules if set(one.when) <= set(facts) and not set(one.unless) & set(facts)]
    held.sort(key=lambda one: _ORDER.index(one.category))
    if held[0].category == "excluded":
        held = [one for one in held if one.category == "excluded"]
    return Triage(category=held[0].category, findings=tuple(held), as_of=known.as_of)
