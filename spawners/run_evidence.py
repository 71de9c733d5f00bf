"""Evidence: a run's signed accounting as a word, which is put into a notebook and read there by whoever marks it."""

import base64
import os
import re
import zlib
from collections.abc import Mapping

from pydantic import ValidationError

from spawners.process import alone
from spawners.run import Run, find_run
from spawners.run_attempts import earlier
from spawners.run_seal import Statement
from spawners.run_verify import sealed
from spawners.scheduler import Scheduler
from spawners.slurm import Slurm
from spawners.sweep import Sweep, find_sweep
from spawners.sweep_verify import sealed_sweep

_WORD = re.compile(r"onramp-run:([A-Za-z0-9_-]{20,4000})")
# No statement is longer, however it was packed.
_LONGEST = 20_000


def evidence(run: Run | Sweep | str = "") -> str:
    """Return the evidence of a run of yours that is over, for an exercise that asks for it: put it there as it is.

    Without `run` it is of your newest run. It says what Slurm wrote down, signed by the platform: which job, whose,
    with what, from when to when, and how it ended; of a run that was resumed, each attempt; of a sweep, each of its
    jobs. Raises RunError where the run is not over, or is not signed.
    """
    if isinstance(run, str):
        run = find_sweep(run) or find_run(run)
    return alone(told(run, Slurm()))


async def told(run: Run | Sweep, scheduler: Scheduler, environ: Mapping[str, str] = os.environ) -> str:
    """Return a run's evidence, a word for each attempt, or a sweep's, one for each job. Raises RunError."""
    if isinstance(run, Sweep):
        return " ".join(map(word, (await sealed_sweep(run, scheduler, environ)).sealed))
    last = await sealed(run, scheduler, environ)
    signed = ((one.accounting, one.seal) for one in (*earlier(run.folder), last))
    return " ".join(word(Statement(accounting=job, seal=seal)) for job, seal in signed if job and seal)


def word(statement: Statement) -> str:
    """Return a statement as one word."""
    packed = zlib.compress(statement.model_dump_json(exclude_none=True).encode(), 9)
    return "onramp-run:" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def statements(text: str) -> tuple[Statement, ...]:
    """Return the statements in a text, each once; what only looks like one is left out. Nothing is verified."""
    found = (_read(one) for one in dict.fromkeys(_WORD.findall(text)))
    return tuple(one for one in found if one is not None)


def _read(packed: str) -> Statement | None:
    try:
        raw = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        return Statement.model_validate_json(zlib.decompressobj().decompress(raw, _LONGEST))
    except (ValueError, zlib.error, ValidationError):
        return None
