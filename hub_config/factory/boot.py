"""Start the parts of a factory in the order they need one another. Runs inside the namespace, as root, once.

Writes one JSON line per event to boot.jsonl: {"step", "state": "started"|"done"|"failed"|"ready", "seconds", "detail"}.
"""

import asyncio
import json
import os
import pwd
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from hub_config.factory.parts import (
    COURSE_STATE,
    HUB_API_PORT,
    LAUNCHER_SOCKET,
    LOGS,
    MARIADB_SOCKET,
    PROXY_API_PORT,
    PYTHON,
)
from hub_config.factory.plan import PEOPLE, Plan
from hub_config.factory.supervised import start

PATIENCE = 90.0
ONBOARDING_TAR = "/srv/onramp/etc/onboarding.tar"
_RUN_FOLDERS = {"munge": "munge", "mysqld": "mysql", "slurmdbd": "slurm", "onramp": "root"}
_begin = time.monotonic()


class BootError(Exception):
    """A part did not come up."""


async def boot(plan: Plan) -> None:
    """Start everything: the chain of Slurm and the chain of the hub side by side."""
    for name, owner in _RUN_FOLDERS.items():
        Path("/run", name).mkdir(mode=0o755, exist_ok=True)
        os.chown(Path("/run", name), pwd.getpwnam(owner).pw_uid, -1)
    await asyncio.gather(_slurm(plan), _hub(plan))
    _event("factory", "ready")


async def _slurm(plan: Plan) -> None:
    await asyncio.gather(_munge(), _mariadb())
    async with _step("slurmdbd"):
        start("slurmdbd")
        await _until("slurmdbd", _succeeds("sacctmgr", "-nP", "show", "cluster", "format=cluster"))
        if "onramp" not in await _output("sacctmgr", "-nP", "show", "cluster", "format=cluster"):
            await _output("sacctmgr", "-i", "add", "cluster", "onramp")
    async with _step("slurmctld"):
        start("slurmctld")
        await _until("slurmctld", lambda: _says("is UP", "scontrol", "ping"))
    await asyncio.gather(_nodes(plan), _slurm_accounts(plan))


async def _munge() -> None:
    async with _step("munge"):
        start("munge")
        await _until("munge", _exists("/run/munge/munge.socket.2"))


async def _mariadb() -> None:
    async with _step("mariadb"):
        if not Path("/var/lib/mysql/mysql").exists():
            options = ("--no-defaults", "--user=mysql", "--datadir=/var/lib/mysql", "--skip-test-db", "--force")
            await _output("mariadb-install-db", *options, "--auth-root-authentication-method=socket")
        start("mariadb")
        await _until("mariadb", _succeeds("mariadb", "--no-defaults", f"--socket={MARIADB_SOCKET}", "-e", "SELECT 1"))


async def _nodes(plan: Plan) -> None:
    async with _step("nodes"):
        for node in plan.nodes:
            start(node.name)
        await _until("slurmctld", lambda: _all_idle(len(plan.nodes)))


async def _all_idle(count: int) -> bool:
    states = (await _output("sinfo", "-hN", "-o", "%T")).split()
    return states.count("idle") == count


async def _slurm_accounts(plan: Plan) -> None:
    """Each account with its limit of GPU minutes, and its people in it; what an earlier start made is kept."""
    async with _step("accounts"):
        known = set((await _output("sacctmgr", "-nP", "show", "assoc", "format=account,user")).split())
        for account in plan.slurm_accounts:
            limit = f"GrpTRESMins=gres/gpu={account.gpu_minutes}"
            if f"{account.name}|" not in known:
                about = f"Description={account.description}"
                await _output("sacctmgr", "-i", "add", "account", account.name, about, limit)
            missing = [name for name in account.people if f"{account.name}|{name}" not in known]
            if missing:
                await _output("sacctmgr", "-i", "add", "user", ",".join(missing), f"account={account.name}")


async def _hub(plan: Plan) -> None:
    for part in ("launcher", "grade-launcher", "proxy", "course"):
        start(part)
    async with _step("homes"):
        await _fill_homes()
    async with _step("launcher"):
        await _until("launcher", _exists(LAUNCHER_SOCKET))
    async with _step("hub"):
        await _until("proxy", _answers(f"http://{plan.control}:{PROXY_API_PORT}/"))
        start("hub")
        await _until("hub", _answers(f"http://{plan.control}:{HUB_API_PORT}/hub/health"))
        await _until("proxy", _answers(f"{plan.url}/hub/health"))
    async with _step("courses"):
        await _until("course", _answers(f"{plan.url}/services/onramp-course/static/course.css"))
        await _courses()


async def _courses() -> None:
    """Put the onboarding course in place; its first assignment is open from the start, the rest is for its teacher."""
    command = (PYTHON, "-I", "-m", "curricula.service.admin", "--root", COURSE_STATE, "create", ONBOARDING_TAR)
    await _output(*_as("onramp-course"), "env", f"HOME={COURSE_STATE}", *command, "--release", "m00")


def _as(name: str) -> tuple[str, ...]:
    return ("setpriv", "--reuid", name, "--regid", name, "--init-groups")


async def _fill_homes() -> None:
    """Give everybody the shell's files and the notebooks they have not got, as themselves: root touches no home."""
    import notebooks

    sources = [str(path) for path in sorted(Path(notebooks.__file__).parent.glob("*.ipynb"))]
    for name in PEOPLE:
        as_user = _as(name)
        await _output(*as_user, "mkdir", "-p", f"/home/{name}/notebooks")
        await _output(*as_user, "cp", "-r", "--no-clobber", "/etc/skel/.", f"/home/{name}")
        await _output(*as_user, "cp", "--no-clobber", *sources, f"/home/{name}/notebooks")


@asynccontextmanager
async def _step(name: str) -> AsyncIterator[None]:
    begin = time.monotonic()
    _event(name, "started")
    yield
    _event(name, "done", seconds=time.monotonic() - begin)


async def _until(part: str, condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition a part brings about. Raises BootError with the end of the part's log."""
    end = time.monotonic() + PATIENCE
    while not await condition():
        if time.monotonic() > end:
            tail = Path(LOGS, f"{part}.log").read_text(errors="replace").splitlines()[-5:]
            raise BootError(f"{part} did not come up within {PATIENCE:.0f} s. Its log ends:\n" + "\n".join(tail))
        await asyncio.sleep(0.1)


def _exists(path: str) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return Path(path).exists()

    return check


def _answers(url: str) -> Callable[[], Awaitable[bool]]:
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


def _succeeds(*command: str) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return (await _run(*command))[0] == 0

    return check


async def _says(word: str, *command: str) -> bool:
    return word in (await _run(*command))[1]


async def _output(*command: str) -> str:
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


def _event(step: str, state: str, *, seconds: float = 0.0, detail: str = "") -> None:
    event = {"step": step, "state": state, "at": time.monotonic() - _begin, "seconds": seconds, "detail": detail}
    with Path(LOGS, "boot.jsonl").open("a") as file:
        file.write(json.dumps(event) + "\n")


def main() -> None:
    """Boot, and say what failed."""
    plan = Plan.model_validate_json(Path("/srv/onramp/etc/plan.json").read_text())
    try:
        asyncio.run(boot(plan))
    except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for it on the other side
        _event("factory", "failed", detail=str(error) or repr(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
