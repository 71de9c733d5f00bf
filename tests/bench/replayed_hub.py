"""A hub in a process of its own on a replayed Slurm, with its proxy: ours or the stock one, and what it costs."""

import contextlib
import json
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import yaml

from hub_config.cli.terminal import REPOSITORY
from tests.bench.factory import free_port
from tests.bench.hub import answers, until
from tests.bench.replay import CALLS, HELD, NODE, SOCKET, install
from tests.nodejs import NODEJS

CONFIGS = Path(__file__).with_name("replayed")
PROXY = REPOSITORY / ".tools/proxy/node_modules/configurable-http-proxy/bin/configurable-http-proxy"
# The soft limit of files that a process has by default.
FILES = 1024
# Whose jobs they all are; nothing runs as anybody here.
ACCOUNT = pwd.getpwuid(os.getuid() or 65534).pw_name
PROGRAMS = {"ours": ("-m", "hub_config"), "peer": ("-m", "jupyterhub")}


class ReplayedHub:
    """One hub, its folder, its proxy and its Slurm; `people` are the hub users there will be."""

    def __init__(self, contender: str, folder: Path, people: Sequence[str]) -> None:
        """Write everything that it needs below `folder`."""
        self.contender, self.folder, self.people = contender, folder, people
        self._service_token, self._proxy_token = secrets.token_hex(16), secrets.token_hex(16)
        self.token = self._service_token
        # One after the other: a port is taken only once somebody listens.
        self._ports = dict(zip(("bind", "hub", "proxy", "servers"), free_ports(4), strict=True))
        self.url = f"http://{NODE}:{self._ports['bind']}"
        self.api = f"{self.url}/hub/api"
        self._others: list[subprocess.Popen[bytes]] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._http = build_opener(ProxyHandler({}))
        install(folder)
        shutil.copy(CONFIGS / ("ours.py" if contender == "ours" else "stock.py"), folder / "config.py")
        (folder / "settings.yaml").write_text(yaml.safe_dump(self._settings()))

    def _settings(self) -> dict[str, Any]:
        return {
            "site": "local",
            "admins": [self.people[0]],
            "state": str(self.folder),
            "port": self._ports["bind"],
            "hub_connect": {"ip": NODE, "port": self._ports["hub"]},
            "proxy": {"api_url": f"http://{NODE}:{self._ports['proxy']}"},
            "accounts": {"rule": "table", "table": dict.fromkeys(self.people, ACCOUNT)},
            "launcher": {"socket": str(self.folder / SOCKET)},
        }

    def begin(self) -> None:
        """Start the proxy and the replay, which outlive the hub, and the hub itself."""
        hub = f"http://{NODE}:{self._ports['hub']}/hub"
        proxy = ("--ip", NODE, "--port", self._ports["bind"], "--api-ip", NODE, "--api-port", self._ports["proxy"])
        replay = ("-m", "tests.bench.replay", self.folder, f"{hub}/api", self._ports["servers"])
        self._others = [
            self._run(NODEJS, PROXY, *proxy, "--error-target", f"{hub}/error", log="proxy.log"),
            self._run(sys.executable, *replay, log="replay.log"),
        ]
        until((self.folder / SOCKET).exists, "the replay")
        self.start()

    def start(self) -> float:
        """Start the hub, and return the seconds until it answers."""
        begin = time.monotonic()
        self.process = self._run(
            sys.executable, *PROGRAMS[self.contender], "-f", "config.py", log="hub.log", files=str(FILES)
        )
        until(lambda: self._ended() or answers(f"{self.api}/"), f"the hub ({self.contender})")
        if self._ended():
            raise RuntimeError(f"the hub ended:\n{(self.folder / 'hub.log').read_text()[-3000:]}")
        return time.monotonic() - begin

    def kill(self) -> None:
        """End the hub's process as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end(self) -> None:
        """End every process."""
        self.kill()
        for process in self._others:
            process.terminate()
            process.wait()

    def hold(self, held: bool) -> None:
        """Let jobs wait in the queue from now on, or let all of them run."""
        if held:
            (self.folder / HELD).touch()
        else:
            (self.folder / HELD).unlink()

    def squeues(self) -> int:
        """How many times squeue was called so far."""
        return (self.folder / CALLS).stat().st_size

    def cpu_seconds(self) -> float:
        """The CPU seconds of the hub's process, with those of the commands that it has waited for."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")

    def add_people(self) -> None:
        """Make everybody known to the hub."""
        for first in range(0, len(self.people), 200):
            self.ask("POST", "users", {"usernames": list(self.people[first : first + 200])})
        # A token that the hub made costs it less to check than one from a file; people have such tokens.
        self.token = self.ask("POST", f"users/{self.people[0]}/tokens", {})["token"]

    def ready(self) -> set[str]:
        """Whose servers are up, as the hub says."""
        found: set[str] = set()
        while len(page := self.ask("GET", f"users?state=ready&offset={len(found)}&limit=200")) > 0:
            found |= {user["name"] for user in page}
        return found

    def routed(self) -> set[str]:
        """Whose servers the proxy has a route to."""
        url = f"http://{NODE}:{self._ports['proxy']}/api/routes"
        request = Request(url, headers={"Authorization": f"token {self._proxy_token}"})
        with self._http.open(request, timeout=60) as response:
            routes = json.load(response)
        return {path.split("/")[2] for path in routes if path.startswith("/user/")}

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Call the hub's REST API."""
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with self._http.open(Request(f"{self.api}/{path}", data, headers, method=method), timeout=120) as response:
            return json.load(response)

    def _ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def _run(self, *command: object, log: str, files: str = "$(ulimit -Hn)") -> subprocess.Popen[bytes]:
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(self.folder),
            "PYTHONPATH": str(REPOSITORY),
            "CONFIGPROXY_AUTH_TOKEN": self._proxy_token,
            "PEOPLE_TOKEN": self._service_token,
            "ADMIN": self.people[0],
            "PROXY_API": f"http://{NODE}:{self._ports['proxy']}",
            "BIND_URL": self.url,
            "HUB_URL": f"http://{NODE}:{self._ports['hub']}",
        }
        limited = ("sh", "-c", f'ulimit -n {files} && exec "$@"', "limited", *map(str, command))
        with (self.folder / log).open("ab") as file:
            return subprocess.Popen(
                limited,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


@contextlib.contextmanager
def replayed_hub(contender: str, people: Sequence[str]) -> Iterator[ReplayedHub]:
    """Start a hub on a replayed Slurm; end all its processes and remove its folder."""
    folder = Path(tempfile.mkdtemp(prefix="bench-hub-"))
    hub = ReplayedHub(contender, folder, people)
    try:
        hub.begin()
        yield hub
    finally:
        hub.end()
        shutil.rmtree(folder)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, all different."""
    found: list[int] = []
    while len(found) < count:
        port = free_port(NODE)
        found += [port] if port not in found else []
    return found
