"""A server as a job: Request + account become the script that Slurm gets and the secrets that it does not."""

import secrets
from collections.abc import Mapping

from spawners.accounts import Account
from spawners.render import Job, Script, render
from spawners.request import Request, Resources, resolve
from spawners.scheduler import COMMENT, Secrets
from spawners.site import Site

# The variable by which a server knows its profile's IdleRule.
IDLE = "ONRAMP_IDLE"


def comment_prefix(hub: str, *server: str) -> str:
    """Return how the comment of every job begins: of this hub, or (user and name given) of one server of it."""
    return COMMENT + ":".join((hub, *server, ""))


def server_job(
    site: Site, request: Request, account: Account, *, comment: str, environment: Mapping[str, str]
) -> tuple[Script, Secrets]:
    """Return the script and the secrets of one start; nothing of `environment` is in the script.

    RequestError where its node would not see the person's home or runtime directory.
    """
    nonce = secrets.token_hex(8)
    runtime = site.runtime(account.name, request.account)
    resources = resolve(request, site, account.home, runtime)
    told = Secrets(
        runtime=runtime,
        nonce=nonce,
        values={**environment, **idle_policy(site, request)},
    )
    job = Job(
        name="onramp-server",
        comment=comment + nonce,
        output=log_path(told.runtime, nonce),
        chdir="/",
        argv=_argv(resources, told.path, safe_start=request.safe_start),
    )
    return render(site, resources, job), told


def idle_policy(site: Site, request: Request) -> dict[str, str]:
    """Return what tells the server when it is released for being idle, as spawners.node_idle reads it; {}: never."""
    rule = site.profile(request.profile).idle
    return {IDLE: rule.model_dump_json()} if rule is not None else {}


def log_path(runtime: str, nonce: str) -> str:
    """Return where the job's output goes."""
    return f"{runtime}/{nonce}.log"


def _argv(resources: Resources, path: str, *, safe_start: bool) -> tuple[str, ...]:
    program = ("python", "-I", "-m", "spawners.node", path, *(("--safe-start",) if safe_start else ()))
    return resources.environment.argv(*program) if resources.environment else program


def describe(site: Site, resources: Resources) -> str:
    """Say in plain words what is asked for: "2 CPUs, 4 GB of memory, 1 GPU, for up to 1 hour".

    What the site calls a GPU and is less, or more, is named: "1 GPU (GCD)", "4 GPUs (APU)". Memory is left out where
    nobody knows how it is asked for, since then a job asks for none.
    """
    parts = [_count(resources.cpus_per_task, "CPU")]
    if site.memory.syntax is not None:
        parts.append(f"{resources.mem / 1000:.3g} GB of memory")
    if resources.gpus:
        gpu = site.gpu(site.partition(resources.partition))
        unit = "" if gpu is None or gpu.unit == "GPU" else f" ({gpu.unit})"
        parts.append(_count(resources.gpus, "GPU") + unit)
    if resources.nodes > 1:
        parts.append(f"on {resources.nodes} nodes")
    return f"{', '.join(parts)}, for up to {duration(resources.time)}"


def duration(minutes: int) -> str:
    """Say minutes as a person would: "45 minutes", "1 hour", "2 hours 30 minutes"."""
    hours, rest = divmod(minutes, 60)
    parts = [_count(hours, "hour")] if hours else []
    return " ".join([*parts, *([_count(rest, "minute")] if rest or not hours else [])])


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
