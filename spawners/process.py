"""A command run to its end without blocking, with a limit of time; argument lists only, never a shell."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple


class Finished(NamedTuple):
    """How a command ended and what it printed."""

    returncode: int
    out: str
    err: str


async def run(*argv: str, seconds: float, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Finished:
    """Run `argv` with `stdin`; TimeoutError after `seconds`, OSError when it cannot start (or files run out).

    Whatever ends the wait, also a cancellation, ends the command: no child is left behind.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=pipe, env=env)
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin), seconds)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Finished(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))
