"""A command run to its end without blocking, with a limit of time; argument lists only, never a shell."""

import asyncio
import subprocess
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

_T = TypeVar("_T")

# Not asyncio's own subprocesses: before Python 3.12, one that is cancelled while it starts waits for ever.
_READERS = ThreadPoolExecutor(max_workers=16, thread_name_prefix="command")


class Finished(NamedTuple):
    """How a command ended and what it printed."""

    returncode: int
    out: str
    err: str


async def run(*argv: str, seconds: float, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Finished:
    """Run `argv` with `stdin`; TimeoutError after `seconds`, OSError when it cannot start (or files run out).

    Whatever ends the wait, also a cancellation, ends the command: no child is left behind.
    """
    pipe = subprocess.PIPE
    process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=env)  # noqa: ASYNC220 - forks at once, as asyncio does
    talk = asyncio.get_running_loop().run_in_executor(_READERS, process.communicate, stdin)
    try:
        out, err = await asyncio.wait_for(asyncio.shield(talk), seconds)
    finally:
        if process.poll() is None:
            process.kill()
    return Finished(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def alone(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine from a notebook's cell, where an event loop runs already: in a thread with its own."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()
