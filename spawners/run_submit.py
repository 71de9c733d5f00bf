"""promote: a notebook becomes a job of its own: checked, written down as a folder, then submitted."""

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import yaml

from spawners import run_record as files
from spawners.bundle_record import check_complete
from spawners.outage import away, perhaps_taken
from spawners.process import alone
from spawners.render import Job, RenderError, render
from spawners.request import RequestError, Resources, parse_request, resolve
from spawners.run import Run, look
from spawners.run_attempts import comment_of
from spawners.run_environment import locked
from spawners.run_internet import Fetch, fetches
from spawners.run_jobs import find_jobs
from spawners.run_notebook import Notebook, check_parameters, read_notebook
from spawners.run_once import once, same_run, whole_folder
from spawners.run_prospect import Prospect, prospect, room_for
from spawners.run_record import INSIDE, Record, RunError, Submitted, me, root
from spawners.run_script import read_script
from spawners.scheduler import Scheduler, SchedulerError
from spawners.site import Site, SiteError, load_site
from spawners.slurm import Slurm

# Seconds before its time is up in which a run hears of it.
WARNING = 120


def promote(
    notebook: str | Path,
    profile: str,
    parameters: Mapping[str, object] | None = None,
    *,
    time: int | None = None,
    account: str | None = None,
    **options: object,
) -> Run:
    """Run a notebook or a script as a job of its own, and return at once; it goes on when this server ends.

    A script (.py) is run by torchrun, one process for each GPU, over all nodes: `gpus=4`, or `gpus=8, nodes=2`, with
    `gpus` over all nodes. A notebook is one process on one node, which has all its GPUs.

    `parameters` replace what the notebook's parameters cell sets; `time` is in minutes; `options` are those of a
    Request (cpus_per_task, mem, qos, reservation …). `internet=True` says that the notebook fetches something while it
    runs: where compute nodes have no internet that is refused now, and not found out on paid time. Where nothing is
    said, its lines are looked at for that. Says before what it costs and when it would start, as onramp.price does.
    Raises RunError with a sentence for whatever is not right.
    """
    asked = {"profile": profile, "time": time, "account": account, **options}
    print(alone(foreseen(Path(notebook), asked, dict(parameters or {}), Slurm())))
    return alone(submit(Path(notebook), asked, dict(parameters or {}), Slurm()))


def price(
    notebook: str | Path,
    profile: str,
    parameters: Mapping[str, object] | None = None,
    *,
    time: int | None = None,
    account: str | None = None,
    **options: object,
) -> Prospect:
    """Say when onramp.promote with the same arguments would start, and what it costs of what is left.

    Everything is checked as promote does, and nothing is submitted.
    """
    asked = {"profile": profile, "time": time, "account": account, **options}
    return alone(foreseen(Path(notebook), asked, dict(parameters or {}), Slurm()))


async def foreseen(
    path: Path, asked: Mapping[str, object], parameters: Mapping[str, object], scheduler: Scheduler
) -> Prospect:
    """Check everything as `submit` does, and say what is to be known before; nothing is written."""
    notebook = read(path)
    site, resources = checked(notebook, asked, parameters)
    told = await prospect(site, resources, scheduler)
    return told.model_copy(update={"room": room_for(len(notebook.content))})


async def submit(
    path: Path,
    asked: Mapping[str, object],
    parameters: Mapping[str, object],
    scheduler: Scheduler,
    *,
    name: str | None = None,
) -> Run:
    """Submit the notebook that lies there, as `submit_notebook` does."""
    return await submit_notebook(read(path), asked, parameters, scheduler, name=name)


async def submit_notebook(
    notebook: Notebook,
    asked: Mapping[str, object],
    parameters: Mapping[str, object],
    scheduler: Scheduler,
    *,
    name: str | None = None,
) -> Run:
    """Check everything, write the run's folder, then submit; what Slurm refuses is kept as such in the folder.

    `name` is what the run is called, instead of its notebook's name.

    Where Slurm did not say whether it took the job, the job is looked for by its comment, now and at each later look.
    The same once more within seconds is a second click: the run that the first one made is returned, unless it is over.
    """
    site, resources = checked(notebook, asked, parameters)
    submitted = Submitted(
        name=name,
        notebook=str(notebook.path),
        sha256=notebook.sha256,
        parameters_sha256=hashlib.sha256(_yaml(parameters).encode()).hexdigest(),
        cwd=str(notebook.path.parent),
        site=os.environ["ONRAMP_SITE"],
        profile=str(asked["profile"]),
        resources=resources,
        at=datetime.now(UTC),
    )

    async def is_over(run: Run) -> bool:
        return (await look(run, scheduler)).over

    run, is_new = await once(
        "run", lambda: same_run(submitted), lambda: _write(notebook, parameters, submitted), is_over
    )
    if not is_new:
        return run
    try:
        job = script_job(run, resources, site.interface) if submitted.is_script else run_job(run, resources)
        script = render(site, resources, job)
        job_id = await scheduler.submit(me(), script)
    except (SchedulerError, RenderError) as error:
        if perhaps_taken(str(error)):
            return await _found(run, error, scheduler)
        files.write_record(run.folder, Record(submitted=submitted, refused=str(error)))
        told = await advice(str(error), scheduler)
        raise RunError(f"Slurm did not take the job: {error}\n{told} Your notebook is as it was.") from error
    files.write_whole(run.folder / files.JOB_ID, f"{job_id}\n")
    return run


def gpu_profile() -> str:
    """The site's first profile for a run on one node with a GPU; RunError where it has none."""
    site = _site()
    for profile in site.profiles:
        if "run" in profile.purposes and profile.gpus and profile.nodes == 1:
            return profile.name
    raise RunError(f"{site.title} has no profile with a GPU on one node.")


def checked(
    notebook: Notebook, asked: Mapping[str, object], parameters: Mapping[str, object]
) -> tuple[Site, Resources]:
    """Where it would run, and with what; RunError for whatever is not right."""
    if INSIDE in os.environ:
        raise RunError("This notebook already is a run; a run promotes nothing. Promote it from a server instead.")
    site = _site()
    check_parameters(notebook, parameters)
    check_complete(notebook.path.parent)
    resources = _resources(asked, site, notebook, str(root()))
    if asked.get("internet") is None and (fetch := fetches(notebook)):
        _check_internet(fetch, asked, site)
    return site, resources


def _check_internet(fetch: Fetch, asked: Mapping[str, object], site: Site) -> None:
    """RunError where a notebook that seems to fetch something would find no way out."""
    try:
        parse_request({**asked, "internet": True}, site, purpose="run")
    except RequestError as error:
        raise RunError(
            f"Code cell {fetch.cell} seems to fetch something: `{fetch.line}`. {error} If it fetches nothing, say so: "
            "internet=False, or --no-internet. To take it along instead: onramp runs bundle."
        ) from None


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


def read(path: Path) -> Notebook:
    """Read what is to be promoted: a script by its name, else a notebook."""
    path = path.expanduser().absolute()
    return read_script(path) if path.suffix == ".py" else read_notebook(path)


def _resources(asked: Mapping[str, object], site: Site, notebook: Notebook, runs: str) -> Resources:
    """What Slurm is asked for, through the one gate; a notebook runs on one node, which sees its folders."""
    try:
        resources = resolve(parse_request(asked, site, purpose="run"), site, str(notebook.path.parent), runs)
    except RequestError as error:
        raise RunError(str(error)) from None
    if resources.nodes > 1 and notebook.path.suffix != ".py":
        fitting = (p.name for p in site.profiles if "run" in p.purposes and p.nodes == 1)
        raise RunError(
            f"A notebook runs on one node, and this asks for {resources.nodes}. Choose from: {', '.join(fitting)}. Or "
            f"make it a script, which runs on several: onramp.to_script('{notebook.path.name}')."
        )
    if resources.environment is None:
        return resources
    return resources.model_copy(update={"environment": locked(resources.environment)})


def _yaml(parameters: Mapping[str, object]) -> str:
    """Parameters as they are written down."""
    return str(yaml.safe_dump(dict(parameters), sort_keys=False))


def _write(notebook: Notebook, parameters: Mapping[str, object], submitted: Submitted) -> Run:
    """Write a run's folder."""

    def fill(folder: Path) -> None:
        for file, content in {submitted.input: notebook.content, **notebook.beside}.items():
            (folder / file).write_bytes(content)
        files.write_whole(folder / files.PARAMETERS, _yaml(parameters))
        files.write_record(folder, Record(submitted=submitted))

    return Run(whole_folder(submitted.name or notebook.path.stem, submitted.at, fill))


def run_job(run: Run, resources: Resources, after: str | None = None, *, attempt: int = 1) -> Job:
    """Return what Slurm runs for an attempt at a notebook, once the job `after` is over."""
    # Slurm looks at limits every half a minute or so; a short job has no two minutes to give.
    warn = min(WARNING, resources.time * 60 // 4)
    job = _job(run, resources, "spawners.run_node", str(run.folder))
    news = {"comment": comment_of(run.comment, attempt), "warn": warn, "after": after, "append": True}
    return job.model_copy(update=news)


def script_job(run: Run, resources: Resources, interface: str | None) -> Job:
    """Return what Slurm runs for a script, whose processes find each other on the network called `interface`."""
    words = (str(run.folder), interface) if interface else (str(run.folder),)
    return _job(run, resources, "spawners.run_torch", *words).model_copy(update={"own_steps": True})


def _job(run: Run, resources: Resources, module: str, *words: str) -> Job:
    """A job of the run; its comment finds the job again where its id was not written down."""
    program = ("python", "-I", "-m", module, *words)
    return Job(
        name="onramp-run",
        comment=run.comment,
        output=str(run.folder / files.LOG),
        chdir="/",
        argv=resources.environment.argv(*program) if resources.environment else program,
    )


async def advice(words: str, scheduler: Scheduler) -> str:
    """What to do when sbatch refuses."""
    if away(words):
        return "Slurm is away just now: promote the notebook again in a few minutes."
    if "account" in words:
        try:
            return f"Choose from your accounts: {', '.join(await scheduler.accounts(me()))}."
        except SchedulerError:
            return "Ask which accounts you may use."
    return "Change what the words above name, and promote it again."
