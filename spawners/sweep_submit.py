"""sweep: a notebook is run once for each combination of values, by one array of jobs that shares them out."""

import contextlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from spawners import run_record as files
from spawners.outage import perhaps_taken
from spawners.process import alone
from spawners.render import Job, RenderError, render
from spawners.run_notebook import Notebook
from spawners.run_once import once, same_click, whole_folder
from spawners.run_record import RunError, Submitted, me, one_at_a_time
from spawners.run_submit import advice, checked, read
from spawners.scheduler import Scheduler, SchedulerError
from spawners.site import load_site
from spawners.slurm import Slurm
from spawners.sweep import Sweep, look, sweeps
from spawners.sweep_grid import check_cap, check_grid, jobs_for, members, read_grid
from spawners.sweep_record import SweepRecord, note_array, release, write_members, write_sweep

# So many of the newest sweeps are looked at for a second click.
_NEWEST = 5


def sweep(
    notebook: str | Path,
    profile: str,
    grid: Mapping[str, object],
    *,
    jobs: int | None = None,
    gpu_hours: float | None = None,
    time: int | None = None,
    account: str | None = None,
    **options: object,
) -> Sweep:
    """Run a notebook once for each combination of values, and return at once.

    `grid` gives parameters their values: {"learning_rate": [0.1, 0.01], "seed": [1, 2, 3]} has six members. They are
    shared by so many `jobs` of the profile, each of which runs one member after the other until `time` (minutes) is
    over. `gpu_hours` is what all of it may cost at most, and needed where the profile has GPUs. Raises RunError with a
    sentence for whatever is not right.
    """
    asked = {"profile": profile, "time": time, "account": account, **options}
    return alone(submit(Path(notebook), asked, grid, Slurm(), jobs=jobs, gpu_hours=gpu_hours))


def retry(one: Sweep, *, gpu_hours: float | None = None) -> Sweep:
    """Run those members of a sweep again that did not come to their end; `gpu_hours` is a new cap for all of it."""
    return alone(submit_again(one, Slurm(), gpu_hours=gpu_hours))


async def submit(
    path: Path,
    asked: Mapping[str, object],
    grid: object,
    scheduler: Scheduler,
    *,
    jobs: int | None = None,
    gpu_hours: float | None = None,
) -> Sweep:
    """Check everything, write the folders, then submit; the same once more within seconds is a second click."""
    values = read_grid(grid)
    if path.suffix == ".py":
        raise RunError(f"A sweep runs a notebook, and {path.name} is a script. Promote it once for each value instead.")
    notebook = read(path)
    _, resources = checked(notebook, asked, {})
    check_grid(notebook, values)
    found = members(values)
    count = jobs_for(len(found), jobs)
    check_cap(count, resources.time, resources.gpus, gpu_hours)
    submitted = Submitted(
        notebook=str(notebook.path),
        sha256=notebook.sha256,
        cwd=str(notebook.path.parent),
        site=os.environ["ONRAMP_SITE"],
        profile=str(asked["profile"]),
        resources=resources,
        at=datetime.now(UTC),
    )
    record = SweepRecord(submitted=submitted, grid=values, jobs=count, gpu_hours=gpu_hours)

    async def is_over(one: Sweep) -> bool:
        return (await look(one, scheduler)).over

    one, is_new = await once("sweep", lambda: _same(record), lambda: _write(notebook, record, found), is_over)
    return await _array(one, record, count, scheduler) if is_new else one


async def submit_again(one: Sweep, scheduler: Scheduler, *, gpu_hours: float | None = None) -> Sweep:
    """Submit an array for the members that did not come to their end."""
    seen = await look(one, scheduler)
    if not seen.over:
        raise RunError(f"{one.name} is not over: {seen.sentence} Wait for it, or cancel it first.")
    left = [member for member in seen.members if member.state != "COMPLETED"]
    if not left:
        raise RunError(f"All {len(seen.members)} members of {one.name} ran to their end; there is nothing to retry.")
    cap = seen.record.gpu_hours if gpu_hours is None else gpu_hours
    record = seen.record.model_copy(update={"gpu_hours": cap, "refused": None})
    count = min(record.jobs, len(left))
    resources = record.submitted.resources
    check_cap(count, resources.time, resources.gpus, cap, (seen.gpu_minutes or 0.0) / 60)
    with one_at_a_time():
        for member in left:
            release(member.folder, record)
        write_sweep(one.folder, record)
    return await _array(one, record, count, scheduler)


async def _array(one: Sweep, record: SweepRecord, count: int, scheduler: Scheduler) -> Sweep:
    """Submit one array of so many jobs; what Slurm refuses is kept as such in the folder."""
    resources = record.submitted.resources
    program = ("python", "-I", "-m", "spawners.sweep_node", str(one.folder))
    job = Job(
        name="onramp-sweep",
        comment=one.comment,
        output=f"{one.folder}/job-%A-%a.log",
        chdir="/",
        argv=resources.environment.argv(*program) if resources.environment else program,
        array=count,
    )
    try:
        job_id = await scheduler.submit(me(), render(load_site(record.submitted.site), resources, job))
    except (SchedulerError, RenderError) as error:
        if perhaps_taken(str(error)):
            raise RunError(
                f"Slurm did not say whether it took the sweep: {error}\n`onramp runs show {one.name}` in a few minutes "
                "says what became of it."
            ) from error
        write_sweep(one.folder, record.model_copy(update={"refused": str(error)}))
        raise RunError(f"Slurm did not take the sweep: {error}\n{await advice(str(error), scheduler)}") from error
    note_array(one.folder, job_id)
    return one


def _same(record: SweepRecord) -> Sweep | None:
    """The sweep that asked for just this within the last seconds."""
    for one in islice(sweeps(), _NEWEST):
        with contextlib.suppress(RunError):
            earlier = one.record
            alike = earlier.model_copy(update={"submitted": record.submitted}) == record
            if alike and same_click(earlier.submitted, record.submitted):
                return one
    return None


def _write(notebook: Notebook, record: SweepRecord, found: list[dict[str, Any]]) -> Sweep:
    """Write a sweep's folder, with those of its members."""

    def fill(folder: Path) -> None:
        (folder / files.INPUT).write_bytes(notebook.content)
        write_members(folder, record, found)
        write_sweep(folder, record)

    return Sweep(whole_folder(f"{notebook.path.stem}-sweep", record.submitted.at, fill))
