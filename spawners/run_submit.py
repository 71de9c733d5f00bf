"""promote: a notebook becomes a job of its own: checked, written down as a folder, then submitted."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import yaml

from spawners import run_record as files
from spawners.outage import away, perhaps_taken
from spawners.render import Job, RenderError, render
from spawners.request import RequestError, Resources, parse_request, resolve
from spawners.run import Run, alone, look
from spawners.run_environment import locked
from spawners.run_jobs import find_jobs
from spawners.run_notebook import Notebook, check_parameters, read_notebook
from spawners.run_once import one_at_a_time, same_run
from spawners.run_record import INSIDE, Record, RunError, Submitted, me, root
from spawners.scheduler import Scheduler, SchedulerError
from spawners.site import Site, SiteError, load_site
from spawners.slurm import Slurm


def promote(
    notebook: str | Path,
    profile: str,
    parameters: Mapping[str, object] | None = None,
    *,
    time: int | None = None,
    account: str | None = None,
    **options: object,
) -> Run:
    """Run a notebook as a job of its own, and return at once; it goes on when this server ends.

    `parameters` replace what the notebook's parameters cell sets; `time` is in minutes; `options` are those of a
    Request (cpus_per_task, mem, qos, reservation …). `internet=True` says that the notebook fetches something while it
    runs: where compute nodes have no internet that is refused now, and not found out on paid time. Raises RunError
    with a sentence for whatever is not right.
    """
    asked = {"profile": profile, "time": time, "account": account, **options}
    return alone(submit(Path(notebook), asked, dict(parameters or {}), Slurm()))


async def submit(
    path: Path, asked: Mapping[str, object], parameters: Mapping[str, object], scheduler: Scheduler
) -> Run:
    """Check everything, write the run's folder, then submit; what Slurm refuses is kept as such in the folder.

    Where Slurm did not say whether it took the job, the job is looked for by its comment, now and at each later look.
    The same once more within seconds is a second click: the run that the first one made is returned, unless it is over.
    """
    if INSIDE in os.environ:
        raise RunError("This notebook already is a run; a run promotes nothing. Promote it from a server instead.")
    site = _site()
    notebook = read_notebook(path.expanduser().absolute())
    check_parameters(notebook, parameters)
    resources = _resources(asked, site, str(notebook.path.parent), str(root()))
    submitted = Submitted(
        notebook=str(notebook.path),
        sha256=notebook.sha256,
        parameters_sha256=hashlib.sha256(_yaml(parameters).encode()).hexdigest(),
        cwd=str(notebook.path.parent),
        site=os.environ["ONRAMP_SITE"],
        profile=str(asked["profile"]),
        resources=resources,
        at=datetime.now(UTC),
    )
    run, is_new = _write_once(notebook, parameters, submitted)
    if not is_new and not (await look(run, scheduler)).over:
        return run
    if not is_new:  # what was cancelled or has failed is meant again
        run, _ = _write_once(notebook, parameters, submitted, again=True)
    try:
        script = render(site, resources, run_job(run, resources))
        job_id = await scheduler.submit(me(), script)
    except (SchedulerError, RenderError) as error:
        if perhaps_taken(str(error)):
            return await _found(run, error, scheduler)
        files.write_record(run.folder, Record(submitted=submitted, refused=str(error)))
        advice = await _advice(str(error), scheduler)
        raise RunError(f"Slurm did not take the job: {error}\n{advice} Your notebook is as it was.") from error
    files.write_whole(run.folder / files.JOB_ID, f"{job_id}\n")
    return run


async def _found(run: Run, error: Exception, scheduler: Scheduler) -> Run:
    """Return a run whose job Slurm has all the same; RunError, and nothing written that the job may write, if not."""
    jobs, _ = await find_jobs({run: run.record}, scheduler)
    if run in jobs:
        return run
    raise RunError(
        f"Slurm did not say whether it took the job: {error}\n`onramp runs show {run.name}` in a few minutes says what "
        "became of it. Promote it again only if Slurm does not know its job then. Your notebook is as it was."
    ) from error


def _site() -> Site:
    """The site this server runs on."""
    try:
        return load_site(os.environ["ONRAMP_SITE"])
    except KeyError:
        raise RunError("Notebooks are promoted from a server that was started from the hub; this is none.") from None
    except SiteError as error:
        raise RunError(str(error)) from None


def _resources(asked: Mapping[str, object], site: Site, *folders: str) -> Resources:
    """What Slurm is asked for, through the one gate; a notebook runs on one node, which sees its folders."""
    try:
        resources = resolve(parse_request(asked, site, purpose="run"), site, *folders)
    except RequestError as error:
        raise RunError(str(error)) from None
    if resources.nodes > 1:
        fitting = (p.name for p in site.profiles if "run" in p.purposes and p.nodes == 1)
        raise RunError(
            f"A notebook runs on one node, and this asks for {resources.nodes}. Choose from: {', '.join(fitting)}."
        )
    if resources.environment is None:
        return resources
    return resources.model_copy(update={"environment": locked(resources.environment)})


def _yaml(parameters: Mapping[str, object]) -> str:
    """Parameters as they are written down."""
    return str(yaml.safe_dump(dict(parameters), sort_keys=False))


def _write_once(
    notebook: Notebook, parameters: Mapping[str, object], submitted: Submitted, *, again: bool = False
) -> tuple[Run, bool]:
    """Make the folder of a new run (True), or return the run that a click just before made of the same, but if `again`.

    The job does not exist yet. Raises RunError, and leaves nothing, where the folder cannot be written.
    """
    try:
        with one_at_a_time():
            earlier = None if again else same_run(submitted)
            return (earlier, False) if earlier else (_write(notebook, parameters, submitted), True)
    except OSError as error:
        raise RunError(
            f"The folder of the run cannot be written below {root()}: {error.strerror}. "
            "If your home folder is full, delete what you no longer need, and promote again."
        ) from error


def _write(notebook: Notebook, parameters: Mapping[str, object], submitted: Submitted) -> Run:
    """Write the folder; where that fails, nothing is left."""
    folder = files.make_folder(root(), notebook.path.stem, submitted.at.astimezone())
    try:
        (folder / files.INPUT).write_bytes(notebook.content)
        files.write_whole(folder / files.PARAMETERS, _yaml(parameters))
        files.write_record(folder, Record(submitted=submitted))
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Run(folder)


def run_job(run: Run, resources: Resources) -> Job:
    """Return what Slurm runs; its comment finds the job again where its id was not written down."""
    program = ("python", "-I", "-m", "spawners.run_node", str(run.folder))
    return Job(
        name="onramp-run",
        comment=run.comment,
        output=str(run.folder / files.LOG),
        chdir="/",
        argv=resources.environment.argv(*program) if resources.environment else program,
    )


async def _advice(words: str, scheduler: Scheduler) -> str:
    """What to do when sbatch refuses."""
    if away(words):
        return "Slurm is away just now: promote the notebook again in a few minutes."
    if "account" in words:
        try:
            return f"Choose from your accounts: {', '.join(await scheduler.accounts(me()))}."
        except SchedulerError:
            return "Ask which accounts you may use."
    return "Change what the words above name, and promote it again."
