"""A run as jupyter-scheduler shows a job, and the dialog's texts as values. Pure, but for the run's folder."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import yaml
from jupyter_scheduler.models import DescribeJob, JobFile, Status

from notebooks.lab_job_offers import FORMATS, limit_name
from spawners import run_record as files
from spawners.run import Run, View
from spawners.run_notebook import Notebook
from spawners.run_record import RunError

# What a job's page links to, by the name that it bears there.
_FILES = {"Result": files.OUTPUT, "Report": files.REPORT, "Log": files.LOG, "Environment": files.ENVIRONMENT}


def values(given: Mapping[str, str], notebook: Notebook) -> dict[str, object]:
    """The dialog's texts as values: text stays text where the default is one, the rest is read by YAML's rules."""
    return {name: _value(text, notebook.defaults.get(name)) for name, text in given.items()}


def describe(run: Run, seen: View | None, root: Path) -> DescribeJob:
    """A run as a job of the list; `seen` is None where its record is broken, `root` where the server's files begin."""
    if seen is None:
        return _unreadable(run, root)
    submitted, job, state = seen.record.submitted, seen.job, status(seen)
    at = _milliseconds(submitted.at)
    return DescribeJob(
        job_id=run.name,
        name=_title(submitted.name or Path(submitted.notebook).stem, seen, state),
        url=f"/jobs/{run.name}",
        input_filename=_below(Path(submitted.notebook), root) or submitted.notebook,
        runtime_environment_name=submitted.profile,
        compute_type=limit_name(submitted.resources.time),
        parameters=_parameters(run),
        output_formats=list(FORMATS),
        status=state,
        status_message=seen.sentence if state in (Status.FAILED, Status.STOPPED) else None,
        create_time=at,
        update_time=at,
        start_time=_milliseconds(job.start) if job and job.start and not job.waiting else None,
        end_time=_milliseconds(job.end) if job and job.ended and job.end else None,
        job_files=_files(run, root),
        downloaded=True,
    )


def status(seen: View) -> Status:
    """The job's state there; what waits is in progress, or else the page has no button that stops it."""
    if seen.state == "CANCELLED":
        return Status.STOPPED
    if seen.over:
        return Status.COMPLETED if seen.state == "COMPLETED" else Status.FAILED
    reported = seen.record.reported
    if seen.job is None and reported and reported.ended:
        ended = {"completed": Status.COMPLETED, "stopped": Status.STOPPED}
        return ended.get(reported.outcome, Status.FAILED)
    return Status.IN_PROGRESS


def _title(name: str, seen: View, state: Status) -> str:
    """The name and, while it is not over, how far it is: the page has no other place for that but a red one."""
    if state != Status.IN_PROGRESS:
        return name
    again = f"attempt {len(seen.earlier) + 1}: " if seen.earlier else ""
    running = seen.job is not None and not seen.job.waiting
    return f"{name} · {again}{f'{seen.cells_done} of {seen.cells_total} cells' if running else seen.sentence}"


def _unreadable(run: Run, root: Path) -> DescribeJob:
    try:
        why = f"The record of {run.name} was mended just now. Reload."
        _ = run.record
    except RunError as error:
        why = str(error)
    at = _milliseconds(datetime.fromtimestamp(run.folder.stat().st_mtime).astimezone())
    return DescribeJob(
        job_id=run.name,
        name=run.name,
        url=f"/jobs/{run.name}",
        input_filename=files.INPUT,
        runtime_environment_name="not known",
        output_formats=list(FORMATS),
        status=Status.FAILED,
        status_message=why,
        create_time=at,
        update_time=at,
        job_files=_files(run, root),
        downloaded=True,
    )


def _value(text: str, default: object) -> object:
    if isinstance(default, str):
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _parameters(run: Run) -> dict[str, str]:
    """What was given, as texts."""
    try:
        given = yaml.safe_load((run.folder / files.PARAMETERS).read_text())
        return {name: value if isinstance(value, str) else repr(value) for name, value in given.items()}
    except (OSError, ValueError, yaml.YAMLError, AttributeError):
        return {}


def _files(run: Run, root: Path) -> list[JobFile]:
    """Links to what there is; the notebook as it was sent is the input."""
    there = {name: _below(run.folder / file, root) for name, file in _FILES.items() if (run.folder / file).exists()}
    shown = [JobFile(display_name=name, file_format=name.casefold(), file_path=path) for name, path in there.items()]
    return [
        *shown,
        JobFile(display_name="Input", file_format="input", file_path=_below(run.folder / files.INPUT, root)),
    ]


def _below(path: Path, root: Path) -> str | None:
    """A path as the server's file browser knows it; None for what lies elsewhere."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else None


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
