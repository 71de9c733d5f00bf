"""What JupyterLab offers beside the server's own kernel: kernels with GPUs, as jobs of their own, with price and rest.

They are files in the server's runtime folder, so that nobody installs anything, and they say what is left now.
"""

import asyncio
import json
import logging
import os
import pwd
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.serverapp import ServerApp

if TYPE_CHECKING:
    from spawners.scheduler import Scheduler, Usage

# Seconds after which it is asked again what is left.
FRESH = 300.0
_log = logging.getLogger(__name__)


async def keep(folder: Path, environ: Mapping[str, str]) -> None:
    """Write the kernels of this server's site, and go on saying what is left of its account."""
    try:
        await asyncio.to_thread(write, folder, environ, None)
        scheduler = await asyncio.to_thread(_scheduler)
        await _end_orphans(scheduler)
        if any(folder.glob("*/kernel.json")):  # the first of them is not to wait for it
            await asyncio.to_thread(import_module, "spawners.kernel_provisioner")
        while True:
            await asyncio.to_thread(write, folder, environ, await _usage(scheduler, environ))
            await asyncio.sleep(FRESH)
    except (OSError, ValueError) as error:
        _log.warning("Kernels with GPUs are not offered: %s", error)


def write(folder: Path, environ: Mapping[str, str], usage: "Usage | None") -> None:
    """Write a kernel.json for each kernel; SiteError, which is a ValueError, where the site's file is wrong."""
    # Only now: while a server starts it needs none of this.
    from spawners.kernel_specs import kernel_specs
    from spawners.site import load_site

    specs = kernel_specs(load_site(environ["ONRAMP_SITE"]), environ.get("SLURM_JOB_ACCOUNT"), usage)
    for name, spec in specs.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        # Whoever reads it meanwhile sees all of it.
        fresh = place / ".kernel.json"
        fresh.write_text(json.dumps(spec))
        fresh.replace(place / "kernel.json")


async def notices(app: ServerApp) -> list[dict[str, str | None]]:
    """[{"kernel": its id, "name": its notebook, "why": "idle" or "time", "ends": ISO 8601}] of kernels in jobs.

    `why` and `ends` are null while its end is not near.
    """
    manager: Any = app.kernel_manager
    provisioners = {one: manager.get_kernel(one).provisioner for one in manager.list_kernel_ids()}
    ours = {one: found.notice or {} for one, found in provisioners.items() if hasattr(found, "notice")}
    if not ours:
        return []
    sessions: Any = app.session_manager
    names = {one["kernel"]["id"]: Path(one["path"]).name for one in await sessions.list_sessions()}
    return [
        {"kernel": one, "name": names.get(one, "a console"), "why": told.get("why"), "ends": told.get("ends")}
        for one, told in ours.items()
    ]


def _scheduler() -> "Scheduler":
    from spawners.slurm import Slurm

    return Slurm()


async def _end_orphans(scheduler: "Scheduler") -> None:
    """Take back what an earlier server of this person, which was killed, left in the queue."""
    from spawners.orphans import end_orphans

    for said in await end_orphans(scheduler, _me()):
        _log.warning("%s", said)


def _me() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


async def _usage(scheduler: "Scheduler", environ: Mapping[str, str]) -> "Usage | None":
    """What the account of this server has and has used; None where Slurm does not say."""
    from spawners.scheduler import SchedulerError

    try:
        account = environ.get("SLURM_JOB_ACCOUNT") or (await scheduler.accounts(_me()))[0]
        return await scheduler.usage(account)
    except (SchedulerError, IndexError) as error:
        _log.info("Slurm does not say what is left: %s", error)
        return None


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Tell Jupyter Server where the extension is: here."""
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Offer the kernels; where no site is known there are none."""
    if "ONRAMP_SITE" not in os.environ:
        return
    folder = Path(server.runtime_dir, "onramp-kernels")
    known: Any = server.kernel_spec_manager
    known.kernel_dirs.append(str(folder))
    server.io_loop.add_callback(partial(keep, folder, dict(os.environ)))
