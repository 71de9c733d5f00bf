"""Goals of a bench, and which of them a run met: the line above RESULT."""

from collections.abc import Mapping
from typing import NamedTuple


class Goal(NamedTuple):
    """What a value of RESULT is to be: at `least` and at `most` so much; None: no bound."""

    least: float | None = None
    most: float | None = None

    def met(self, value: float) -> bool:
        """Whether a value is within both bounds; one that is no number is not."""
        above = self.least is None or value >= self.least
        return above and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        """The bounds, as they are written: "≥ 40", "≤ 0.5"."""
        bounds = (("≥", self.least), ("≤", self.most))
        return " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)


def judged(name: str, goals: Mapping[str, Goal], results: Mapping[str, float]) -> str:
    """Return one line: how many goals were met, and those that were missed; what was not measured is missed."""
    said = []
    for key, goal in goals.items():
        if key not in results:
            said.append(f"{key} was not measured (goal {goal})")
        elif not goal.met(results[key]):
            said.append(f"{key} is {results[key]:.3g} (goal {goal})")
    missed = f", missed {len(said)}: {'; '.join(said)}" if said else ""
    return f"GOALS {name} met {len(goals) - len(said)} of {len(goals)}{missed}"
