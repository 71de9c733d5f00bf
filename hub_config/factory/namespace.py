"""The namespaces a factory lives in, from outside: open them, run a command in them, end them."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from hub_config.factory.plan import PEOPLE
from hub_config.factory.state import State

_SCRIPT = Path(__file__).with_name("namespace.sh")
_INSIDE = ("env", "-i", "PATH=/srv/onramp/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG=C.UTF-8")


class NotRunning(Exception):
    """Nothing runs in this state folder."""


def open_namespace(state: State, *, venv: Path, tools: Path) -> subprocess.Popen[bytes]:
    """Start the factory as the first process of new namespaces; it ends with them.

    The process returned is `unshare`, on the host; its only child is the namespace's first process.
    """
    log = open(state.logs / "namespace.log", "wb")  # noqa: SIM115 - the child keeps it
    process = subprocess.Popen(
        [*unshare(), "sh", _SCRIPT, state.folder, venv, tools],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    state.pid_file.write_text(f"{process.pid} {_started(process.pid)}\n")
    return process


def first_process(state: State) -> int:
    """Return the host's pid of the namespace's first process. Raises NotRunning."""
    try:
        pid, started = state.pid_file.read_text().split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if started != _started(int(pid)) or not children:
            raise NotRunning
    except (FileNotFoundError, ProcessLookupError, ValueError, NotRunning):
        raise NotRunning(f"no factory runs in {state.folder}: start one with `./onramp up`") from None
    return int(children[0])


def inside(state: State, command: Sequence[str | Path], *, user: str = "root") -> list[str]:
    """Return the argv that runs `command` in the factory as one of its accounts, in that account's home."""
    home = f"/home/{user}" if user in PEOPLE else "/"
    drop = [] if user == "root" else ["setpriv", "--reuid", user, "--regid", user, "--init-groups"]
    folder = ["env", f"--chdir={home}", f"HOME={home}", f"USER={user}"]
    enter = ["nsenter", "--target", str(first_process(state)), "--mount", "--pid", "--uts", "--ipc"]
    if os.geteuid() != 0:
        enter.append("--user")
    return [*enter, *_INSIDE, *drop, *folder, *map(str, command)]


def as_owner(command: Sequence[str | Path]) -> list[str]:
    """Return the argv that runs `command` on the host with the rights to what belongs to the factory's accounts."""
    return [*(["unshare", *_user()] if _user() else []), *map(str, command)]


def close_namespace(state: State, *, patience: float = 20) -> None:
    """End every process of the factory: ask its first process, and kill it if it takes more than `patience` seconds."""
    pid = first_process(state)
    for sent, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sent)
        if _gone(pid, wait):
            break
    state.pid_file.unlink(missing_ok=True)


def unshare() -> list[str]:
    """Return the argv prefix that makes a factory's namespaces."""
    return ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", *_user()]


def _user() -> list[str]:
    """As root, no user namespace; for anybody else, one with the uids of /etc/subuid in it."""
    return [] if os.geteuid() == 0 else ["--user", "--map-root-user", "--map-auto"]


def _started(pid: int) -> str:
    """Return when a process started, in clock ticks since boot: with its pid, this names it for ever."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def _gone(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
