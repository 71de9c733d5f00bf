"""Evidence in a notebook: what a learner's own runs have to show, and whether the statements put there show it. Pure.

An answer cell with points whose metadata hold `onramp_evidence` is marked by this rule, and by nothing that the
learner's code says. What counts is accounting, signed by the platform, of runs of whoever handed in.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nbformat import NotebookNode
from pydantic import Field, ValidationError

from curricula.course import CourseError, Frozen
from spawners.run_evidence import statements
from spawners.run_seal import Statement, genuine
from spawners.scheduler import GPUS, JobState
from spawners.slurm_text import tres_counts

if TYPE_CHECKING:  # nbgrader loads slowly
    from curricula.marks import CellGrade

METADATA = "onramp_evidence"
MODE = "evidence"
_EARLY = datetime.min.replace(tzinfo=UTC)


class Wanted(Frozen):
    """One run, or job of a sweep: how it ended, as Slurm says, on at least so many GPUs and nodes, within minutes."""

    state: str = Field(default="COMPLETED", pattern=r"^[A-Z_]{4,30}$")
    gpus: int = Field(default=0, ge=0)
    nodes: int = Field(default=1, ge=1)
    minutes: float | None = Field(default=None, gt=0, description="that it took, at most")
    array: bool = Field(default=False, description="whether it is one of several jobs of an array, as a sweep's are")

    @property
    def sentence(self) -> str:
        """Say it in words."""
        gpus = f" on at least {_count(self.gpus, 'GPU')}" if self.gpus else ""
        nodes = f" on {self.nodes} nodes or more" if self.nodes > 1 else ""
        within = f" within {self.minutes:g} minutes" if self.minutes else ""
        what = "a job of a sweep" if self.array else "a run"
        return f"{what} of yours{gpus}{nodes} that ended {self.state}{within}"

    def shown_by(self, job: JobState) -> bool:
        """Whether a job was such a run."""
        took = (job.end - job.start).total_seconds() / 60 if job.start and job.end else None
        in_time = self.minutes is None or (took is not None and took <= self.minutes)
        enough = _held(GPUS, job) >= self.gpus and _held("node", job) >= self.nodes
        return job.state == self.state and enough and in_time and ("_" in job.job_id or not self.array)


class Rule(Frozen):
    """What an answer has to show: these runs, each another one, which ended in this order."""

    runs: tuple[Wanted, ...] = Field(min_length=1, max_length=20)


def rules(source: NotebookNode) -> dict[str, Rule]:
    """Return the rules of a source notebook by grade_id. Raises CourseError where one is none or stands elsewhere."""
    found = {}
    for cell in source.cells:
        if METADATA in cell.metadata:
            about = cell.metadata.get("nbgrader", {})
            name = str(about.get("grade_id", "?"))
            if not (about.get("grade") and about.get("solution")):
                raise CourseError(
                    f"{name}: {METADATA} belongs to an answer with points, nbgrader's manually graded cell."
                )
            found[name] = _rule(name, cell.metadata[METADATA])
    return found


def judged(
    grades: Iterable["CellGrade"], texts: Mapping[str, str], asked: Mapping[str, Rule], owner: str, public_key: str
) -> tuple["CellGrade", ...]:
    """Return a submission's marks with those that its evidence decides; `texts` is what stands in it, by grade_id."""
    return tuple(
        _grade(one, texts.get(one.name, ""), asked[one.name], owner, public_key) if one.name in asked else one
        for one in grades
    )


def _rule(name: str, told: object) -> Rule:
    try:
        return Rule.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or METADATA
        raise CourseError(f"{name}: {METADATA}: {where}: {first['msg']}.") from None


def _grade(grade: "CellGrade", text: str, rule: Rule, owner: str, public_key: str) -> "CellGrade":
    given = statements(text)
    own = [one for one in given if genuine(one.accounting, one.seal, public_key) and one.seal.owner == owner]
    missing = _missing(rule.runs, sorted((one.accounting for one in own), key=lambda job: job.end or _EARLY))
    score = grade.max_score if missing is None else 0
    message = "" if missing is None else " ".join(_why(given, own, missing))
    return grade.model_copy(update={"score": score, "message": message, "mode": MODE})


def _missing(wanted: Sequence[Wanted], jobs: Sequence[JobState]) -> Wanted | None:
    """Return the first wanted run that none of the jobs, in the order they ended, is; None where all are there."""
    left = iter({job.job_id: job for job in jobs}.values())
    return next((one for one in wanted if not any(one.shown_by(job) for job in left)), None)


def _why(given: Sequence[Statement], own: Sequence[Statement], missing: Wanted) -> Iterator[str]:
    yield f"It has to show {missing.sentence}."
    if not given:
        yield "There is no evidence here: put in what onramp.evidence(run) gives, the whole of it."
    elif len(own) < len(given):
        strange = _count(len(given) - len(own), "statement")
        yield f"{strange} here cannot be believed: not signed by this platform, or of somebody else's run."
    jobs = [one.accounting for one in own]
    if any(missing.shown_by(job) for job in jobs):
        yield "It has to be another one than what is asked for before it, and to end later."
    for job in jobs:
        yield f"Job {job.job_id} ended {job.state} on {_count(_held(GPUS, job), 'GPU')}{_took(job)}."


def _took(job: JobState) -> str:
    return f" after {(job.end - job.start).total_seconds() / 60:.1f} minutes" if job.start and job.end else ""


def _held(what: str, job: JobState) -> int:
    return tres_counts(job.tres or "").get(what, 0)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
