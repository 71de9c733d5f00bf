"""JupyterLab's own pages for jobs (jupyter-scheduler), over our runs: their folders are the record, and no database is.

All that they ask for is done in a thread, with a client of its own: neither a large notebook nor a slow Slurm holds up
the server.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.models import (
    CountJobsQuery,
    CreateJob,
    DescribeJob,
    JobFeature,
    ListJobDefinitionsQuery,
    ListJobDefinitionsResponse,
    ListJobsQuery,
    ListJobsResponse,
    SortDirection,
)
from jupyter_scheduler.scheduler import BaseScheduler
from traitlets import Unicode

from notebooks.lab_profiles import site, slurm

if TYPE_CHECKING:
    from spawners.run import Run
    from spawners.scheduler import Scheduler

_T = TypeVar("_T")
_ONCE = (
    "Onramp runs a notebook once, as soon as Slurm has room: choose 'Run now'. There are no schedules here, since they "
    "would hold only while this server runs. For a start at a later time, create the job then."
)
_AS_IT_IS = "A run keeps its name and what it asked for: it is the record of what happened. Create another job instead."


class Features:
    """What jupyter-scheduler asks an execution manager; Slurm executes, so that nothing else is asked of one."""

    @staticmethod
    def supported_features(_: object) -> dict[JobFeature, bool]:
        """What a job can do here."""
        can = {JobFeature.job_name, JobFeature.parameters, JobFeature.stop_job, JobFeature.delete_job}
        return {feature: feature in can for feature in JobFeature}


class Jobs(BaseScheduler):  # type: ignore[misc]
    """The runs of this person, as jobs; a job's id is its run's name."""

    db_url = Unicode(help="Given by jupyter-scheduler; nothing is kept there.")
    task_runner = None
    execution_manager_class = Features

    async def create_job(self, model: CreateJob) -> str:
        """Promote the notebook; the same twice within seconds is one job."""
        return await self._apart(lambda scheduler: _create(model, Path(self.root_dir), scheduler))

    async def list_jobs(self, query: ListJobsQuery) -> ListJobsResponse:
        """The runs, sorted and cut as asked."""
        return await self._apart(lambda scheduler: _list(query, Path(self.root_dir), scheduler))

    async def count_jobs(self, query: CountJobsQuery) -> int:
        """How many runs are in a state."""
        every = ListJobsQuery(status=query.status, max_items=None)
        found = await self.list_jobs(every)
        return len(found.jobs)

    async def get_job(self, job_id: str, job_files: bool = True) -> DescribeJob:
        """One run."""
        return await self._apart(lambda scheduler: _get(job_id, Path(self.root_dir), scheduler))

    async def stop_job(self, job_id: str) -> None:
        """Cancel a run."""
        from spawners.run import cancel

        await self._apart(lambda scheduler: cancel(_run(job_id), scheduler))

    async def delete_job(self, job_id: str) -> None:
        """Delete the folder of a run that is over."""
        from spawners.run_delete import delete

        await self._apart(lambda scheduler: delete(_run(job_id), scheduler))

    async def list_job_definitions(self, query: ListJobDefinitionsQuery) -> ListJobDefinitionsResponse:
        """There are none."""
        return ListJobDefinitionsResponse(job_definitions=[], total_count=0)

    def update_job(self, *_: object) -> NoReturn:
        """Refuse."""
        raise SchedulerError(_AS_IT_IS)

    def create_job_definition(self, *_: object, **__: object) -> NoReturn:
        """Refuse."""
        raise SchedulerError(_ONCE)

    update_job_definition = delete_job_definition = create_job_definition
    get_job_definition = create_job_from_definition = create_job_definition

    def get_staging_paths(self, *_: object) -> dict[str, str]:
        """Nothing is staged: a job's files are where its links lead."""
        return {}

    def slurm(self) -> "Scheduler":
        """A new client."""
        return slurm()

    async def _apart(self, work: "Callable[[Scheduler], Coroutine[Any, Any, _T]]") -> _T:
        """Do something with runs in a thread; what is wrong with it becomes the sentence that the page shows."""
        from spawners.process import alone

        with _told():
            return await asyncio.to_thread(lambda: alone(work(self.slurm())))


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Say in jupyter-scheduler's way what is wrong."""
    from spawners.run_record import RunError

    try:
        yield
    except RunError as error:
        raise SchedulerError(str(error)) from error


def _run(job_id: str) -> "Run":
    from spawners.run import find_run

    return find_run(job_id, whole=True)


async def _create(model: CreateJob, root: Path, scheduler: "Scheduler") -> str:
    from notebooks.lab_job_model import values
    from notebooks.lab_job_offers import request
    from spawners.run_notebook import read_notebook
    from spawners.run_submit import submit

    path = root / model.input_uri
    asked = request(model.runtime_environment_name, model.compute_type, site())
    given = values(model.parameters or {}, read_notebook(path))
    return (await submit(path, asked, given, scheduler, name=model.name)).name


async def _get(job_id: str, root: Path, scheduler: "Scheduler") -> DescribeJob:
    return (await _described([_run(job_id)], root, scheduler))[0]


async def _described(several: "list[Run]", root: Path, scheduler: "Scheduler") -> list[DescribeJob]:
    """Runs as jobs; those that are over get their report, as in the panel."""
    from notebooks.lab_job_model import describe
    from spawners.run import look_at
    from spawners.run_inspection import inspect
    from spawners.run_record import REPORT

    seen = await look_at(several, scheduler)
    for run, view in zip(several, seen, strict=True):
        if view is not None and not (run.folder / REPORT).exists():
            await inspect(run, view, scheduler)
    return [describe(run, view, root) for run, view in zip(several, seen, strict=True)]


async def _list(query: ListJobsQuery, root: Path, scheduler: "Scheduler") -> ListJobsResponse:
    from spawners.run import runs

    jobs = await _described(runs(), root, scheduler)
    jobs = [job for job in jobs if query.status in (None, job.status) and job.name.startswith(query.name or "")]
    for field in reversed(query.sort_by or ()):
        jobs.sort(key=lambda job: str(getattr(job, field.name, "")), reverse=field.direction is SortDirection.desc)
    begin = int(query.next_token or 0)
    end = len(jobs) if query.max_items is None else begin + query.max_items
    more = str(end) if end < len(jobs) else None
    return ListJobsResponse(jobs=jobs[begin:end], total_count=len(jobs), next_token=more)
