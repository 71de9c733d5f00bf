"""Start the parts of a factory in the order they need one another. Runs inside the namespace, as root, once.

Writes one JSON line per event to boot.jsonl: {"step", "state": "started"|"done"|"failed"|"ready", "seconds", "detail"}.
"""

import asyncio
import json
import os
import pwd
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hub_config.factory.homes import acting_as, fill_homes
from hub_config.factory.parts import (
    COURSE_STATE,
    HUB_API_PORT,
    LAUNCHER_SOCKET,
    LOGS,
    MARIADB_SOCKET,
    PROXY_API_PORT,
    PYTHON,
    SITE,
)
from hub_config.factory.plan import Plan
from hub_config.factory.report import WORKING_NODES
from hub_config.factory.supervised import start
from hub_config.factory.waiting import answers, exists, output, says, succeeds, until

ONBOARDING_TAR = "/srv/onramp/etc/onboarding.tar"
_RUN_FOLDERS = {"munge": "munge", "mysqld": "mysql", "slurmdbd": "slurm", "onramp": "root"}
_begin = time.monotonic()


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
        await until("slurmdbd", succeeds("sacctmgr", "-nP", "show", "cluster", "format=cluster"))
        if "onramp" not in await output("sacctmgr", "-nP", "show", "cluster", "format=cluster"):
            await output("sacctmgr", "-i", "add", "cluster", "onramp")
        await _qos_names(plan)
    async with _step("slurmctld"):
        start("slurmctld")
        await until("slurmctld", lambda: says("is UP", "scontrol", "ping"))
    await asyncio.gather(_nodes(plan), _limits(plan))


async def _munge() -> None:
    async with _step("munge"):
        start("munge")
        await until("munge", exists("/run/munge/munge.socket.2"))


async def _mariadb() -> None:
    async with _step("mariadb"):
        if not Path("/var/lib/mysql/mysql").exists():
            options = ("--no-defaults", "--user=mysql", "--datadir=/var/lib/mysql", "--skip-test-db", "--force")
            await output("mariadb-install-db", *options, "--auth-root-authentication-method=socket")
        start("mariadb")
        await until("mariadb", succeeds("mariadb", "--no-defaults", f"--socket={MARIADB_SOCKET}", "-e", "SELECT 1"))


async def _nodes(plan: Plan) -> None:
    """Say first that every node was down: otherwise Slurm keeps young jobs as running of which nothing is left."""
    async with _step("nodes"):
        names = ",".join(node.name for node in plan.nodes)
        await output("scontrol", "update", f"NodeName={names}", "State=DOWN", "Reason=the factory was down")
        for node in plan.nodes:
            start(node.name)
        await until("slurmctld", lambda: _all_there(len(plan.nodes)))


async def _all_there(count: int) -> bool:
    """Whether Slurm hears every node; one may have been given a job already."""
    states = (await output("sinfo", "-hN", "-o", "%T")).split()
    return sum(state in WORKING_NODES for state in states) == count


async def _qos_names(plan: Plan) -> None:
    """Partitions name their QoS, so these are there before slurmctld; their limits know GPUs only after it."""
    known = (await output("sacctmgr", "-nP", "show", "qos", "format=name")).split()
    missing = [qos.name for qos in plan.cluster.qos if qos.name not in known]
    if missing:
        await output("sacctmgr", "-i", "add", "qos", ",".join(missing))


async def _limits(plan: Plan) -> None:
    async with _step("accounts"):
        # One command for all that are alike: each is a transaction of slurmdbd.
        for limits in dict.fromkeys(qos.limits for qos in plan.cluster.qos):
            names = ",".join(qos.name for qos in plan.cluster.qos if qos.limits == limits)
            await output("sacctmgr", "-i", "modify", "qos", "where", f"name={names}", "set", *limits)
        await _slurm_accounts(plan)


async def _slurm_accounts(plan: Plan) -> None:
    """Each account with its limit of GPU minutes, and its people in it; what an earlier start made is kept."""
    known = set((await output("sacctmgr", "-nP", "show", "assoc", "format=account,user")).split())
    for account in plan.cluster.accounts:
        limits = (f"GrpTRESMins=gres/gpu={account.gpu_minutes}", f"qos={','.join(('normal', *account.qos))}")
        if f"{account.name}|" not in known:
            about = f"Description={account.description}"
            await output("sacctmgr", "-i", "add", "account", account.name, about, *limits)
        missing = [name for name in account.people if f"{account.name}|{name}" not in known]
        if missing:
            await output("sacctmgr", "-i", "add", "user", ",".join(missing), f"account={account.name}")


async def _hub(plan: Plan) -> None:
    for part in ("launcher", "grade-launcher", "proxy", "course"):
        start(part)
    async with _step("homes"):
        await fill_homes()
    async with _step("launcher"):
        await until("launcher", exists(LAUNCHER_SOCKET))
    async with _step("hub"):
        await until("proxy", answers(f"http://{plan.control}:{PROXY_API_PORT}/"))
        start("hub")
        await until("hub", answers(f"http://{plan.control}:{HUB_API_PORT}/hub/health"))
        await until("proxy", answers(f"{plan.url}/hub/health"))
    async with _step("courses"):
        await until("course", answers(f"{plan.url}/services/onramp-course/static/course.css"))
        await _courses()


async def _courses() -> None:
    """Put the onboarding course in place; its first assignment is open from the start, the rest is for its teacher."""
    command = (PYTHON, "-I", "-m", "curricula.service.admin", "--root", COURSE_STATE, "--site", SITE)
    create = ("create", ONBOARDING_TAR, "--release", "m00")
    await output(*acting_as("onramp-course"), "env", f"HOME={COURSE_STATE}", *command, *create)


@asynccontextmanager
async def _step(name: str) -> AsyncIterator[None]:
    begin = time.monotonic()
    _event(name, "started")
    yield
    _event(name, "done", seconds=time.monotonic() - begin)


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
