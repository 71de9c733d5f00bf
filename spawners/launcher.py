"""launcher: how the hub acts as another user, by sudo or a root-owned socket; both run spawners.as_user."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from spawners import as_user, process
from spawners.accounts import AccountError, unix_account

TIMEOUT = 90.0


class LauncherError(RuntimeError):
    """The launcher, or Slurm through it, refused; the message holds its words unaltered."""


class Launcher(Protocol):
    """Acts as a user: takes a request of spawners.as_user without "user" and returns the answer."""

    async def run(self, user: str, request: Mapping[str, object]) -> dict[str, Any]:
        """Have `request` done as `user`; raises LauncherError."""


class SelfLauncher:
    """For whoever already is the user (a learner's kernel): the same code, in this process."""

    def __init__(self, commands: str = "/usr/bin") -> None:
        """`commands` is the folder of Slurm's programs."""
        self._commands = commands

    async def run(self, user: str, request: Mapping[str, object]) -> dict[str, Any]:
        """Do `request` here, in a thread; raises LauncherError, also when `user` is somebody else."""
        try:
            return dict(await asyncio.to_thread(as_user.perform, {**request, "user": user}, self._commands))
        except as_user.Refused as e:
            raise LauncherError(str(e)) from e


class SudoLauncher:
    """For a site: one sudoers rule lets the hub's user run one fixed command as anybody but root."""

    def __init__(self, command: Sequence[str], sudo: Sequence[str] = ("/usr/bin/sudo", "-nHu")) -> None:
        """`command` is what the sudoers rule names, for example python -I -m spawners.launcher."""
        self._command = tuple(command)
        self._sudo = tuple(sudo)

    async def run(self, user: str, request: Mapping[str, object]) -> dict[str, Any]:
        """Have `request` done as `user` through sudo; raises LauncherError."""
        _check_user(user)
        message = json.dumps({**request, "user": user}).encode()
        try:
            done = await process.run(*self._sudo, user, *self._command, seconds=TIMEOUT, stdin=message)
        except TimeoutError:
            raise LauncherError(f"The launcher did not answer within {TIMEOUT:.0f} seconds.") from None
        except OSError as e:
            raise LauncherError(f"The launcher could not be started: {e}") from e
        return _answer(done.out, done.err)


class SocketLauncher:
    """For the factory (sudo cannot work in a user namespace): a root-owned service on a Unix socket."""

    def __init__(self, path: str) -> None:
        """`path` is the socket that `python -m spawners.launcher serve` made."""
        self._path = path

    async def run(self, user: str, request: Mapping[str, object]) -> dict[str, Any]:
        """Have `request` done as `user` through the socket; raises LauncherError."""
        _check_user(user)
        try:
            async with asyncio.timeout(TIMEOUT):
                out = await self._exchange(json.dumps({**request, "user": user}).encode())
        except TimeoutError:
            raise LauncherError(f"The launcher did not answer within {TIMEOUT:.0f} seconds.") from None
        except OSError as e:
            raise LauncherError(f"The launcher at {self._path} cannot be reached: {e}. Is it running?") from e
        return _answer(out.decode(errors="replace"), "")

    async def _exchange(self, message: bytes) -> bytes:
        """Send one request, half-close, and read the answer to its end."""
        reader, writer = await asyncio.open_unix_connection(self._path)
        try:
            writer.write(message)
            await writer.drain()
            writer.write_eof()
            return await reader.read(as_user.LIMIT)
        finally:
            writer.close()


def _check_user(user: str) -> None:
    """Nothing that sudo could read as an option or a uid leaves here; the other end checks again."""
    try:
        unix_account(user)
    except AccountError as e:
        raise LauncherError(str(e)) from None


def _answer(out: str, err: str) -> dict[str, Any]:
    """The answer as an object; raises LauncherError for an error and for anything that is no answer."""
    try:
        answer = json.loads(out)
    except ValueError:
        raise LauncherError(err.strip() or "The launcher gave no answer.") from None
    if not isinstance(answer, dict):
        raise LauncherError("The launcher gave no answer.")
    if "error" in answer:
        raise LauncherError(str(answer["error"]))
    return answer


if __name__ == "__main__":
    from spawners.launcher_service import main

    sys.exit(main(sys.argv[1:]))
