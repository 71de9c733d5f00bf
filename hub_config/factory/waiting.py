"""Wait until a part of the factory does what it is for, and say what it said when it does not."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path

from hub_config.factory.parts import LOGS

PATIENCE = 90.0  # seconds


class BootError(Exception):
    """A part did not come up."""


async def until(part: str, condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition a part brings about. Raises BootError with the end of the part's log."""
    end = time.monotonic() + PATIENCE
    while not await condition():
        if time.monotonic() > end:
            tail = Path(LOGS, f"{part}.log").read_text(errors="replace").splitlines()[-5:]
            raise BootError(f"{part} did not come up within {PATIENCE:.0f} s. Its log ends:\n" + "\n".join(tail))
        await asyncio.sleep(0.1)


def exists(path: str) -> Callable[[], Awaitable[bool]]:
    """True once the file or socket is there."""

    async def check() -> bool:
        return Path(path).exists()

    return check


def answers(url: str) -> Callable[[], Awaitable[bool]]:
    """True once something speaks HTTP there, whatever it says: the proxy's API refuses us, and is up."""

    def get() -> bool:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False
        return True

    return lambda: asyncio.to_thread(get)


def succeeds(*command: str) -> Callable[[], Awaitable[bool]]:
    """True once the command ends with 0."""

    async def check() -> bool:
        return (await _run(*command))[0] == 0

    return check


async def says(word: str, *command: str) -> bool:
    """Whether the command prints `word`."""
    return word in (await _run(*command))[1]


async def output(*command: str) -> str:
    """Return what a command prints. Raises BootError with it where the command fails."""
    code, text = await _run(*command)
    if code != 0:
        raise BootError(f"`{' '.join(command)}` ended with {code}:\n{text.strip()}")
    return text


async def _run(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode(errors="replace")
