"""A real hub in a process of its own, on a fake Slurm whose jobs the test runs; no proxy, so nothing else is needed."""

import contextlib
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar
from urllib.request import ProxyHandler, Request, build_opener

import pytest
import yaml

from hub_config.auth.passwords import set_password
from tests.fake_slurm import FakeSlurm
from tests.hub_config.browser import PASSWORD, Answer, send
from tests.ports import free_port

CHECKOUT = Path(__file__).parents[2]
# Jobs run as a person: this test's own user, or nobody where the tests run as root.
ORDINARY = pwd.getpwuid(os.getuid() or 65534)
NODE = "localhost"
_T = TypeVar("_T")
_NODE = f'import sys; sys.path.insert(0, "{CHECKOUT}"); from spawners.node import main; sys.exit(main())'
_CONFIG = '''
import json, os
from pathlib import Path
from jupyterhub.proxy import Proxy
from hub_config.assemble import assemble
from hub_config.settings import load_settings
from dataclasses import replace
from spawners import door as doors
from spawners import lanes, slurm
from spawners.launcher import SelfLauncher

# Refusals of a Slurm that answers late are to reach whoever asked, also on a busy machine.
SLOW = 10

# Tests change what Slurm says from one page to the next.
doors.PAGE = lanes.FRESH = slurm.DAILY = slurm.MINUTE = 0

slurm.FRESH_RUNNING = slurm.FRESH_WAITING  # this Slurm is never busy


class RoutesInAFile(Proxy):
    """The hub's end of a proxy: what it was told is in routes.json."""

    should_start = False
    routes = {}

    async def add_route(self, routespec, target, data):
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}
        self.note()

    async def delete_route(self, routespec):
        self.routes.pop(routespec, None)
        self.note()

    async def get_all_routes(self):
        return self.routes

    def note(self):
        Path("routes.new").write_text(json.dumps({spec: route["target"] for spec, route in self.routes.items()}))
        os.replace("routes.new", "routes.json")


assemble(c, load_settings(Path("settings.yaml")))
launcher = SelfLauncher(os.environ["SLURM_BIN"])
door = replace(c.ServerSpawner.door(), scheduler=slurm.Slurm(launcher, bin=os.environ["SLURM_BIN"]))
c.ServerSpawner.door = lambda: door
c.ServerSpawner.startup_poll_interval = 0.1
c.ServerSpawner.poll_interval = 1
c.JupyterHub.proxy_class = RoutesInAFile
c.JupyterHub.tornado_settings["slow_spawn_timeout"] = SLOW
c.JupyterHub.services = [{"name": "tests", "api_token": os.environ["SERVICE_TOKEN"]}]
scopes = ["admin:users", "admin:servers", "tokens", "access:servers"]
c.JupyterHub.load_roles = [{"name": "tests", "scopes": scopes, "services": ["tests"]}]
'''


class RunningHub:
    """One hub, its folder, its fake Slurm, and the jobs that the test has let run."""

    def __init__(
        self,
        folder: Path,
        idle: Mapping[str, float] | None = None,
        fallback: str | None = None,
        config: str = "",
        **settings: Any,
    ) -> None:
        """Write everything that a hub needs below `folder`; `settings` replace those of the file.

        `idle` replaces what the site's profiles say of idle servers, and `fallback` what the others fall back to;
        `config` stands at the end of JupyterHub's configuration.
        """
        self.folder, self.state = folder, folder / "hub"
        self.slurm = FakeSlurm(folder / "slurm")
        self.jobs: dict[str, subprocess.Popen[bytes]] = {}
        self.scripts: dict[str, str] = {}
        self.token = secrets.token_hex(16)
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}/hub/"
        self._opener = build_opener(ProxyHandler({}))
        self._write(idle, fallback, settings)
        (self.state / "config.py").write_text(_CONFIG + config)
        self.own(self.state / "config.py")

    def _write(self, idle: Mapping[str, float] | None, fallback: str | None, settings: Mapping[str, Any]) -> None:
        for path in (self.state, self.folder / "spool", self.folder / "spool" / ORDINARY.pw_name):
            path.mkdir()
        python = self.folder / "venv/bin/python"
        python.parent.mkdir(parents=True)
        # `python -I -m spawners.node …`, but with our code from the checkout, where no wheel is installed.
        python.write_text(f"#!/bin/sh\nshift 3\nexec {sys.executable} -I -c '{_NODE}' \"$@\"\n")
        python.chmod(0o755)
        site = yaml.safe_load((CHECKOUT / "spawners/sites/local.yaml").read_text())
        site["paths"]["runtime"] = f"{self.folder}/spool/{{user}}"
        site["environments"][0]["path"] = str(self.folder / "venv")
        for profile in site["profiles"] if idle else ():
            profile["idle"] = idle
        for profile in site["profiles"] if fallback else ():
            profile["fallback"] = fallback if profile["name"] != fallback else None
        (self.folder / "site.yaml").write_text(yaml.safe_dump(site))
        values = {
            "site": str(self.folder / "site.yaml"),
            "state": str(self.state),
            "hub_connect": {"ip": "127.0.0.1", "port": self.port},
            "accounts": {"rule": "table", "table": dict.fromkeys(("alice", "bob"), ORDINARY.pw_name)},
            "launcher": {"socket": "/nonexistent"},
        }
        (self.state / "settings.yaml").write_text(yaml.safe_dump({**values, **settings}))
        for name in ("alice", "bob"):
            set_password(self.state / "passwords.json", name, PASSWORD)
        self.own(self.state, *self.state.rglob("*"), *(self.folder / "spool").rglob("*"))

    def own(self, *paths: Path) -> None:
        """Let files belong to whoever the hub and its jobs run as."""
        for path in paths if os.getuid() == 0 else ():
            os.chown(path, ORDINARY.pw_uid, ORDINARY.pw_gid)

    # The process.

    def start(self) -> None:
        """Start the hub and wait until it answers."""
        with (self.state / "hub.log").open("ab") as log:
            self.process = subprocess.Popen(
                (sys.executable, "-m", "hub_config", "-f", "config.py"),
                cwd=self.state,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self.state),
                    "PYTHONPATH": str(CHECKOUT),
                    "SLURM_BIN": str(self.slurm.bin),
                    "SERVICE_TOKEN": self.token,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                **as_ordinary(),
            )
        wait(lambda: self.process.poll() is not None or self.get("health").status == 200, self.log)
        assert self.process.poll() is None, self.log()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the hub's process, and nothing that it started."""
        self.process.send_signal(how)
        self.process.wait(60)

    def log(self) -> str:
        """All that the hub has said."""
        lines = (self.state / "hub.log").read_text().splitlines(keepends=True)
        return "".join(line for line in lines if "?include_stopped_servers" not in line)

    # What a test asks of it.

    def get(self, path: str) -> Answer:
        """Open a page without signing in."""
        return send(self._opener, Request(self.base + path))

    def api(self, method: str, path: str, body: object = None, token: str | None = None) -> Answer:
        """Call the REST API, as an administrator unless another token is given."""
        headers = {"Authorization": f"token {token or self.token}"}
        data = None if body is None else json.dumps(body).encode()
        return send(self._opener, Request(f"{self.base}api/{path}", data=data, headers=headers, method=method))

    def user_token(self, user: str) -> str:
        """Return a token of the user's own."""
        self.api("POST", f"users/{user}")
        return str(json.loads(self.api("POST", f"users/{user}/tokens", {}).text)["token"])

    def server(self, user: str, name: str = "") -> dict[str, Any]:
        """The REST model of a server; {} where there is none."""
        servers = json.loads(self.api("GET", f"users/{user}?include_stopped_servers=1").text)["servers"]
        found: dict[str, Any] = servers.get(name, {})
        return found

    def submitted(self) -> list[dict[str, Any]]:
        """Every call of sbatch so far that asked for a job, not only when one would start."""
        return [call for call in self.slurm.calls("sbatch") if "--test-only" not in call["argv"]]

    def start_server(self, user: str, name: str = "", **options: object) -> str:
        """Ask for a server and return the id of the job that Slurm got."""
        known = self._job_ids()
        self.api("POST", f"users/{user}")
        path = f"users/{user}/servers/{name}" if name else f"users/{user}/server"
        # The hub answers when the server is ready, or after 10 seconds: nobody here waits for it.
        ask = partial(self.api, "POST", path, {"user_options": options})
        Thread(target=ask, daemon=True).start()
        wait(lambda: len(self._job_ids()) > len(known), self.log)
        (job_id,) = self._job_ids() - known
        self.scripts[job_id] = self.submitted()[-1]["stdin"]
        # Slurm has it before the hub has heard of it; what is asked in between is refused.
        wait(lambda: re.search(rf"Job {job_id} of .* is submitted", self.log()), self.log)
        return job_id

    def _job_ids(self) -> set[str]:
        return {path.name for path in (self.slurm.state / "jobs").iterdir()}

    def secrets(self) -> Path:
        """Return the one file of secrets that a job has not read yet."""
        (file,) = (self.folder / "spool" / ORDINARY.pw_name).glob("*.json")
        return file

    def server_token(self) -> str:
        """Return the token in it."""
        return str(json.loads(self.secrets().read_text())["JUPYTERHUB_API_TOKEN"])

    def run_job(self, job_id: str, **environment: str) -> subprocess.Popen[bytes]:
        """Let a job run on this machine, as Slurm would: its script, its user, hardly any environment."""
        job = self.begin_job(job_id, **environment)
        self.slurm.change(job_id, state="RUNNING", node=NODE, start=str(int(time.time())))
        return job

    def begin_job(self, job_id: str, **environment: str) -> subprocess.Popen[bytes]:
        """Let a job run of which Slurm still says that it waits."""
        variables = {"HOME": "/nonexistent", "SLURM_JOB_ID": job_id, "SLURMD_NODENAME": NODE, **environment}
        with self._log_of(job_id).open("wb") as log:
            self.own(self._log_of(job_id))
            job = subprocess.Popen(
                ("/bin/sh",),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=variables,
                cwd="/",
                start_new_session=True,
                **as_ordinary(),
            )
        assert job.stdin
        job.stdin.write(self.scripts[job_id].encode())
        job.stdin.close()
        self.jobs[job_id] = job
        return job

    def job_log(self, job_id: str) -> str:
        """What the job has printed."""
        return self._log_of(job_id).read_text()

    def _log_of(self, job_id: str) -> Path:
        """Where Slurm lets the job print to."""
        (name,) = re.findall(r"^#SBATCH --output=(.*)$", self.scripts[job_id], re.M)
        return Path(name)

    def print_as(self, job_id: str, text: str) -> None:
        """Let a job that does not run here have printed this."""
        self._log_of(job_id).write_text(text)
        self.own(self._log_of(job_id))

    def ready(self, user: str, name: str = "", seconds: float = 120) -> dict[str, Any]:
        """Wait until a server is ready and return its model."""
        dead = [job for job in self.jobs.values() if job.poll() is not None]
        wait(lambda: bool(self.server(user, name).get("ready")) or self._died(dead), self._all_logs, seconds)
        assert not self._died(dead), self._all_logs()
        return self.server(user, name)

    def _died(self, before: list[subprocess.Popen[bytes]]) -> bool:
        return any(job.poll() is not None for job in self.jobs.values() if job not in before)

    def route(self, user: str, name: str = "") -> str:
        """Where the hub told the proxy to find a server."""
        routes: dict[str, str] = json.loads((self.state / "routes.json").read_text())
        return routes[f"/user/{user}/{name}/" if name else f"/user/{user}/"]

    def end_jobs(self) -> None:
        """End every job that still runs, all its processes at once, as Slurm would."""
        for job in self.jobs.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGTERM)
        for job in self.jobs.values():
            job.wait(20)

    def _all_logs(self) -> str:
        return self.log() + "".join(self.job_log(job_id) for job_id in self.jobs)


def as_ordinary() -> dict[str, Any]:
    """What makes subprocess start something as an ordinary user."""
    if os.getuid():
        return {}
    return {"user": ORDINARY.pw_uid, "group": ORDINARY.pw_gid, "extra_groups": ()}


def wait(condition: Callable[[], _T | None], told: Callable[[], str], seconds: float = 120) -> _T:
    """Wait until a condition holds, and return what it then was; fail with the end of what `told` returns."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds} s. The log ends:\n{told()[-6000:]}")
        time.sleep(0.1)
    return found


@contextlib.contextmanager
def started(**settings: Any) -> Iterator[RunningHub]:
    """Start a hub with these settings; end it and its jobs, and remove its folder."""
    folder = Path(tempfile.mkdtemp(prefix="onramp-hub-"))
    folder.chmod(0o755)
    hub = RunningHub(folder, **settings)
    try:
        hub.start()
        yield hub
    finally:
        hub.end_jobs()
        hub.stop(signal.SIGKILL)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def hub() -> Iterator[RunningHub]:
    """One hub for all tests of a file."""
    with started() as running:
        yield running
