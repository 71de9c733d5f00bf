"""verify: what of a run is proven, what is as it was written down, and what is the job's own word."""

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from spawners import run_record as files
from spawners.run import Run, look
from spawners.run_attempts import number_of, numbered, rewrite, settle
from spawners.run_folder import Folder
from spawners.run_record import Record, RunError
from spawners.run_seal import PUBLIC_KEY, Seal, Statement, genuine
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
    """A run's record with the platform's seal, asked for and kept where it lacks; RunError where that cannot be.

    Those of earlier attempts get theirs on the way.
    """
    await settle([run.folder], scheduler)
    for number, before in numbered(run.folder).items():
        if before.seal is None and before.accounting is not None:
            rewrite(run.folder, number, before.model_copy(update=dict(await signed(before.accounting, environ))))
    record = run.record
    if record.seal is not None:
        return record
    seen = await look(run, scheduler)
    if seen.job is None or not seen.over:
        raise RunError(f"{run.name} has no accounting to be signed yet. {seen.sentence}")
    record = run.record.model_copy(update=dict(await signed(seen.job, environ)))
    files.write_record(run.folder, record)
    return record


def findings(run: Run, record: Record, public_key: str) -> Iterator[Finding]:
    """All that can be said of a run from its folder and the platform's public key alone: Slurm is not asked."""
    before = numbered(run.folder)
    several = before | {max(before, default=1 if record.resumed else 0) + 1: record}
    known = {_number(run, number, one): one for number, one in several.items()}
    yield from (_missing(number) for number in sorted(set(range(1, max(known))) - set(known)))
    for number, one in known.items():
        what = "accounting" if one is record else f"attempt {number}"
        yield accounting(what, run, one.accounting, one.seal, public_key)
    yield file(run.folder, record.submitted.input, record.submitted.sha256)
    yield file(run.folder, files.PARAMETERS, record.submitted.parameters_sha256)
    if record.reported is not None:
        if not record.submitted.is_script:
            yield file(run.folder, files.OUTPUT, record.reported.output_sha256)
        yield file(run.folder, files.ENVIRONMENT, record.reported.environment_sha256)
        yield Finding("reported", None, "Unverified: the job's own word, and its owner's code ran beside it.")


def _number(run: Run, kept_as: int, record: Record) -> int:
    """Which attempt a record is, by accounting, whose word is signed, rather than by where its owner keeps it."""
    return (record.accounting and number_of(record.accounting, run.comment, kept_as)) or kept_as


def _missing(number: int) -> Finding:
    return Finding(
        f"attempt {number}", False, "Missing: nothing of it is here, and a later one says that there was it."
    )


def key_of(environ: Mapping[str, str] = os.environ) -> str:
    """The platform's public key, as servers are told it; RunError elsewhere."""
    try:
        return environ[PUBLIC_KEY]
    except KeyError:
        raise RunError(
            f"{PUBLIC_KEY} is not set, so nobody can tell who signed. Verify it in a terminal of a server that was "
            "started from the hub."
        ) from None


def accounting(what: str, of: Folder, job: JobState | None, seal: Seal | None, public_key: str) -> Finding:
    """Whether the platform signed what accounting says, and of this run or sweep."""
    if job is None or seal is None:
        return Finding(what, False, "Not signed by the platform.")
    if not genuine(job, seal, public_key):
        return Finding(what, False, "Not genuine: it is not what this platform signed.")
    if number_of(job, of.comment, 1) is None:
        return Finding(what, False, f"Genuine, but of another run: {job.comment or 'one without a name'}.")
    return Finding(what, True, f"Genuine: job {job.job_id}, {job.state}, signed on {seal.at:%-d %B %Y, %H:%M} UTC.")


def file(folder: Path, name: str, sha256: str | None) -> Finding:
    """Whether a file is as run.json says that it was, which lies in the same folder."""
    if sha256 is None:
        return Finding(name, None, "Not noted: nobody can tell whether it was changed.")
    try:
        with (folder / name).open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        return Finding(name, False, f"It cannot be read: {error.strerror}.")
    if found == sha256:
        return Finding(name, True, f"As run.json says (sha256 {sha256}).")
    return Finding(name, False, f"Changed: its sha256 is {found}, and was {sha256}.")


async def signed(job: JobState, environ: Mapping[str, str]) -> Statement:
    """Have the hub sign what accounting says of this start of a job; RunError says why not."""
    return await asyncio.to_thread(_ask_hub, job, environ)


def _ask_hub(job: JobState, environ: Mapping[str, str]) -> Statement:
    try:
        url, token = environ["JUPYTERHUB_API_URL"], environ["JUPYTERHUB_API_TOKEN"]
    except KeyError:
        raise RunError(
            "The platform signs accounting for a server that was started from the hub; this is none. Verify the run "
            "in a terminal of one."
        ) from None
    begun = f"?start={int(job.start.timestamp())}" if job.start else ""
    request = Request(f"{url}/onramp/runs/{job.job_id}{begun}", headers={"Authorization": f"token {token}"})
    try:
        with _http.open(request, timeout=SECONDS) as answer:
            return Statement.model_validate_json(answer.read())
    except HTTPError as error:
        raise RunError(f"The platform does not sign it: {_message(error)}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise RunError(f"The hub cannot be asked just now: {error} Try again in a few minutes.") from error


def _message(error: HTTPError) -> Any:
    """The hub's own sentence."""
    try:
        return json.load(error)["message"]
    except (ValueError, KeyError, TypeError, OSError):
        return f"HTTP {error.code}"
