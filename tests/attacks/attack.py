"""What an attack is, as data in families/*.yaml, and which ones there have to be."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from curricula.course import Frozen, Name
from spawners.model_file import read_model

FOLDER = Path(__file__).parent
COURSE = FOLDER / "course"

# What stock nbgrader was tried with. Each of these rows has an attack.
ROWS = (
    "reads the work of others",
    "reads the source with its solutions",
    "listens to the hidden tests",
    "reads the environment and the home",
    "talks to the network",
    "writes into the gradebook",
    "lowers the mark of somebody else",
    "strips the asserts",
    "replaces what runs code",
    "returns objects that equal everything",
    "prints a result as if the test had",
    "leaves a configuration that runs as the teacher",
    "asks for more points in the metadata",
    "marks the test as not graded",
    "has a graded cell twice",
    "deletes the tests",
    "turns the tests into text",
    "starts many processes, one of which stays",
    "takes more memory than there is",
    "never ends",
    "never ends and cannot be interrupted",
    "is slow in many cells",
    "prints forty megabytes on one line",
    "kills its own process",
    "is no JSON",
    "says that it is of a later nbgrader",
    "is a link to the work of another",
    "is a link to the source",
    "brings a module in the place of numpy",
    "brings a script for whoever reads it",
)

# What a shared folder as the exchange was tried with. Each has a test in test_handing_in.py.
EXCHANGE = (
    "hands in under the name of another",
    "hands in with a time of its own",
    "changes what was handed in",
    "is a link to what only the teacher may read",
    "deletes or replaces what a peer has handed in",
    "has a name that cannot be read, among others",
    "is a hundred megabytes of nothing, among others",
    "is a pipe, among others",
    "cannot be read, among others",
    "is an archive that leads out of its folder",
    "is an archive that is larger inside",
)

Where = Literal["attacks", "inside", "speed"]


class Attack(Frozen):
    """One hostile submission. In all text `$home`, `$peers`, `$course`, `$port`, `$socket`, `$abstract` are places."""

    id: Name
    row: str | None = Field(default=None, description="one of ROWS; without it, an attack that they do not list")
    tries: str
    assignments: tuple[Where, ...] = Field(default=(), description="the family's, if there are none here")
    first: tuple[str, ...] = Field(default=(), description="cells of its own, before all others")
    last: tuple[str, ...] = Field(default=(), description="cells of its own, after all others")
    answers: dict[str, str] = Field(default_factory=dict, description="answers other than the wrong ones, by grade_id")
    change: str | None = Field(default=None, description="a function of tests.attacks.changes, for the whole notebook")
    raw: str | None = Field(default=None, description="what the file holds, in place of any notebook")
    link: str | None = Field(default=None, description="where the file leads, being a symbolic link")
    beside: dict[str, str] = Field(default_factory=dict, description="other files in its folder")
    side_by_side: bool = Field(default=False, description="an honest notebook is graded at the same time")


class Family(Frozen):
    """Attacks of one kind."""

    assignments: tuple[Where, ...] = ("attacks",)
    attacks: tuple[Attack, ...]


def families() -> dict[str, tuple[Attack, ...]]:
    """Every attack, by the name of its family."""
    found = {}
    for path in sorted((FOLDER / "families").glob("*.yaml")):
        family = read_model(path, Family, ValueError)
        settled = {"assignments": family.assignments}
        found[path.stem] = tuple(one if one.assignments else one.model_copy(update=settled) for one in family.attacks)
    return found


def attacks(where: Where | None = None) -> tuple[Attack, ...]:
    """Every attack, or those on one assignment."""
    return tuple(one for family in families().values() for one in family if where is None or where in one.assignments)
