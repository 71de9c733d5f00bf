"""verify: what of a run is proven, what is as it was written down, and what is the job's own word."""

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from spawners import run_record as files
from spawners.run import Run, look
from spawners.run_record import Record, RunError
from spawners.run_seal import PUBLIC_KEY, Seal, genuine
from spawners.scheduler import JobState, Scheduler

SECONDS = 30
# The hub is reached directly: what a proxy is for lies elsewhere.
_http = build_opener(ProxyHandler({}))


class Finding(NamedTuple):
    """One thing that was looked at; `holds` is None for what nobody can verify."""

    what: str
    holds: bool | None
    sentence: str


async def sealed(run: Run, scheduler: Scheduler, environ: Mapping[str, str] = os.environ) -> Record:
    """A run's record with the platform's seal, asked for and kept where it lacks; RunError where that cannot be."""
    record = run.record
    if record.seal is not None:
        return record
    seen = await look(run, scheduler)
    if seen.job is None or not seen.over:
        raise RunError(f"{run.name} has no accounting to be signed yet. {seen.sentence}")
    job, seal = await asyncio.to_thread(_ask_hub, seen.job.job_id, environ)
    record = run.record.model_copy(update={"accounting": job, "seal": seal})
    files.write_record(run.folder, record)
    return record


def findings(run: Run, record: Record, public_key: str) -> Iterator[Finding]:
    """All that can be said of a run from its folder and the platform's public key alone: Slurm is not asked."""
    yield _accounting(run, record, public_key)
    yield _file(run, files.INPUT, record.submitted.sha256)
    yield _file(run, files.PARAMETERS, record.submitted.parameters_sha256)
    if record.reported is not None:
        yield _file(run, files.OUTPUT, record.reported.output_sha256)
        yield _file(run, files.ENVIRONMENT, record.reported.environment_sha256)
        yield Finding("reported", None, "Unverified: the job's own word, and its owner's code ran beside it.")


def key_of(environ: Mapping[str, str] = os.environ) -> str:
    """The platform's public key, as servers are told it; RunError elsewhere."""
    try:
        return environ[PUBLIC_KEY]
    except KeyError:
        raise RunError(
            f"{PUBLIC_KEY} is not set, so nobody can tell who signed. Verify it in a terminal of a server that was "
            "started from the hub."
        ) from None


def _accounting(run: Run, record: Record, public_key: str) -> Finding:
    job, seal = record.accounting, record.seal
    if job is None or seal is None:
        return Finding("accounting", False, "Not signed by the platform.")
    if not genuine(job, seal, public_key):
        return Finding("accounting", False, "Not genuine: it is not what this platform signed.")
    if job.comment != run.comment:
        return Finding("accounting", False, f"Genuine, but of another run: {job.comment or 'one without a name'}.")
    return Finding(
        "accounting", True, f"Genuine: job {job.job_id}, {job.state}, signed on {seal.at:%-d %B %Y, %H:%M} UTC."
    )


def _file(run: Run, name: str, sha256: str | None) -> Finding:
    """Whether a file is as run.json says that it was, which lies in the same folder."""
    if sha256 is None:
        return Finding(name, None, "Not noted: nobody can tell whether it was changed.")
    try:
        with (run.folder / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return Finding(name, False, f"It cannot be read: {error.strerror}.")
    if found == sha256:
        return Finding(name, True, f"As run.json says (sha256 {sha256}).")
    return Finding(name, False, f"Changed: its sha256 is {found}, and was {sha256}.")


def _ask_hub(job_id: str, environ: Mapping[str, str]) -> tuple[JobState, Seal]:
    """Have the hub sign a job's accounting; RunError says why not."""
    try:
        url, token = environ["JUPYTERHUB_API_URL"], environ["JUPYTERHUB_API_TOKEN"]
    except KeyError:
        raise RunError(
            "The platform signs accounting for a server that was started from the hub; this is none. Verify the run "
            "in a terminal of one."
        ) from None
    request = Request(f"{url}/onramp/runs/{job_id}", headers={"Authorization": f"token {token}"})
    try:
        with _http.open(request, timeout=SECONDS) as answer:
            told = json.load(answer)
        return JobState.model_validate(told["accounting"]), Seal.model_validate(told["seal"])
    except HTTPError as error:
        raise RunError(f"The platform does not sign it: {_message(error)}") from error
    except (OSError, HTTPException, ValueError, KeyError) as error:
        raise RunError(f"The hub cannot be asked just now: {error} Try again in a few minutes.") from error


def _message(error: HTTPError) -> Any:
    """The hub's own sentence."""
    try:
        return json.load(error)["message"]
    except (ValueError, KeyError, TypeError, OSError):
        return f"HTTP {error.code}"
