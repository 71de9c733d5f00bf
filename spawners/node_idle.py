"""A server that nobody uses gives its node back: watched from inside, where kernels, terminals and GPUs are seen.

The hub knows only of traffic: an open tab looks busy to it for ever, and a training in a closed one idle.
"""

import asyncio
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request

from spawners import idle, node_usage, node_work
from spawners.idle import Idle, Kernel, Policy
from spawners.node_server import http

# What spawners.server_job puts into a server's environment: {"after": minutes, "grace": minutes}.
_VARIABLE = "ONRAMP_IDLE"
# Seconds between two looks, and for which a hub that is away is asked to end the server before it ends by itself.
LOOK = 15.0
GIVE_UP = 300.0
_UNKNOWN = ("something that this node does not show",)
_log = logging.getLogger(__name__)


def policy(environ: Mapping[str, str]) -> Policy | None:
    """What holds for the server with this environment; None: it is never released."""
    try:
        told = json.loads(environ[_VARIABLE])
        return Policy(60.0 * told["after"], 60.0 * told["grace"])
    except KeyError:
        return None


def begin(app: Any, environ: Mapping[str, str]) -> "Watch | None":
    """Watch the ServerApp `app` from when it has started; None where it is never released."""
    found = policy(environ)
    if found is None:
        return None
    watch = Watch(app, environ, found)
    app.io_loop.add_callback(watch.watch)
    return watch


class Watch:
    """Looks now and then at a Jupyter Server, and has it ended once it was idle for as long as its policy says."""

    def __init__(self, app: Any, environ: Mapping[str, str], policy: Policy) -> None:
        """`app` is a ServerApp whose extensions are being loaded."""
        self._app, self._environ, self._policy = app, environ, policy
        self._interval = min(LOOK, policy.after / 4, policy.grace / 4)
        self._person = time.time()
        self._idle = Idle(self._person)
        self._sample: node_usage.Sample | None = None
        self._known: set[str] = set()
        self._told = False

    def status(self) -> dict[str, object]:
        """{"ends": when the server is released (ISO 8601) or None, "after_minutes": idle until then, "busy": names}."""
        end = idle.ends(self._idle, self._policy)
        return {
            "ends": None if end is None else datetime.fromtimestamp(end, UTC).isoformat(),
            "after_minutes": round(self._policy.after / 60, 2),
            "busy": list(self._idle.busy),
        }

    def still_here(self) -> None:
        """Note that somebody is there."""
        self._person = time.time()
        self._idle = self._idle._replace(seconds=0.0)

    async def watch(self) -> None:
        """Look until the server ends. Only now has everybody who writes the server's log come."""
        settings = self._app.web_app.settings
        settings["log_function"] = partial(self._answered, settings.get("log_function"))
        while True:
            await asyncio.sleep(self._interval)
            await self.look()
            if idle.over(self._idle, self._policy):
                await self._release()

    async def look(self) -> None:
        """See what the server does now."""
        try:
            found = await self._busy()
        except Exception as error:  # noqa: BLE001 - whatever fails, it is not known that nothing happens
            _log.warning("It cannot be seen what this server does: %s: %s", type(error).__name__, error)
            found = _UNKNOWN
        self._idle = idle.look(self._idle, time.time(), person=self._person, busy=found, longest=2 * self._interval)

    async def _busy(self) -> tuple[str, ...]:
        now = await asyncio.to_thread(node_usage.take, self._environ)
        before, self._sample = self._sample or now, now
        kernels, terminals = await self._kernels(), self._terminals()
        self._person = max([self._person, *(_typed(pid) for pid in terminals)])
        elsewhere = (*self._elsewhere(), *(["a Dask cluster"] if node_work.noted(self._environ, time.time()) else []))
        return (*idle.busy(before, now, kernels, terminals, os.getpid()), *elsewhere)

    def _elsewhere(self) -> Iterator[str]:
        """What computes in kernels that are jobs of their own, as those hear it from their nodes."""
        manager = self._app.kernel_manager
        for kernel_id in manager.list_kernel_ids():
            yield from getattr(manager.get_kernel(kernel_id).provisioner, "busy", ())

    # What a person does.

    def _answered(self, log: Any, handler: Any) -> None:
        """Take a request that changes something for a person's; pages that are merely open ask and ask again."""
        if log is not None:
            log(handler)
        api = f"{self._app.web_app.settings['base_url']}api/"
        changes = handler.request.method not in ("GET", "HEAD", "OPTIONS") and handler.request.path.startswith(api)
        if changes and handler.get_status() < 400 and getattr(handler, "_track_activity", False):
            self._person = time.time()

    async def _kernels(self) -> list[Kernel]:
        """The kernels; one that is met for the first time is listened to: a short cell is over before the next look."""
        manager = self._app.kernel_manager
        kernels = {kernel_id: manager.get_kernel(kernel_id) for kernel_id in manager.list_kernel_ids()}
        for kernel_id in kernels.keys() - self._known:
            self._person = time.time()
            kernels[kernel_id].observe(self._ran, "execution_state")
            manager.add_restart_callback(kernel_id, partial(_starts_anew, kernels[kernel_id]))
        self._known = set(kernels)
        names = await self._names() if kernels else {}
        return [
            Kernel(
                names.get(kernel_id, kernel.kernel_name),
                getattr(kernel.provisioner, "pid", None),
                kernel.execution_state,
            )
            for kernel_id, kernel in kernels.items()
        ]

    def _ran(self, change: Any) -> None:
        self._person = time.time()

    async def _names(self) -> dict[str, str]:
        """What the notebooks of kernels are called."""
        sessions = await self._app.session_manager.list_sessions()
        return {one["kernel"]["id"]: Path(one["path"]).name for one in sessions}

    def _terminals(self) -> dict[int, str]:
        """Names of terminals by the process of their shell."""
        manager = self._app.web_app.settings.get("terminal_manager")
        terminals = manager.terminals if manager is not None else {}
        return {terminal.ptyproc.pid: name for name, terminal in terminals.items()}

    # The end.

    async def _release(self) -> None:
        """Have the hub end this server, since it tells the person why; end without it where it does not answer."""
        if not self._told:
            _log.warning("Nothing has happened here for %g minutes: this server is released.", self._policy.after / 60)
            self._told = await asyncio.to_thread(_tell_hub, self._environ)
        if self._idle.seconds >= self._policy.after + self._policy.grace + GIVE_UP:
            self._app.stop()


def _starts_anew(kernel: Any) -> None:
    """Note that a kernel died: Jupyter keeps the state of the one before, and would call it busy for ever."""
    kernel.execution_state = "starting"


def _tell_hub(environ: Mapping[str, str]) -> bool:
    """Say that this server was idle; False where the hub did not take it."""
    headers = {"Authorization": f"token {environ['JUPYTERHUB_API_TOKEN']}"}
    request = Request(f"{environ['JUPYTERHUB_API_URL']}/onramp/idle", data=b"", headers=headers)
    try:
        with http.open(request, timeout=30):
            return True
    except OSError as error:
        _log.warning("The hub was not told that this server is idle: %s", error)
        return False


def _typed(pid: int) -> float:
    """When the terminal of a shell last read what was typed, which a plain sh does by lines; 0 where not known."""
    try:
        return Path(f"/proc/{pid}/fd/0").stat().st_atime
    except OSError:
        return 0.0
