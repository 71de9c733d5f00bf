"""Factories to measure on: each in a folder of its own, and gone, with all its processes, when the bench ends."""

import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import NoReturn, Self

from hub_config.cli.terminal import REPOSITORY
from hub_config.factory.namespace import inside
from hub_config.factory.state import State
from tests.bench.hub import Hub

PORTS = range(8400, 8500)
SETTLED_WITHIN = 60.0
VENV = "/srv/onramp/venv/bin"
# Slurm takes up to so long to look for batch jobs again (batch_sched_delay). No contender begins in another's shadow.
REST = 3.5
_USER_LINE = re.compile(r"^\s+(\S+)\s+\(\s*\d+\)\s+count:(\d+)", re.MULTILINE)


class Factory:
    """A factory of `./onramp up`; leaving the `with` block ends its processes and deletes its folder."""

    def __init__(self) -> None:
        self.port = free_port("127.0.0.1", PORTS)
        self.state = State(Path(tempfile.mkdtemp(prefix="bench-")))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # In a session of its own, which a second Ctrl-C does not reach.
        self._onramp("down", "--purge", new_session=True)

    def up(self) -> float:
        """Start it, and return the seconds until it was ready, as somebody at the terminal waits for them."""
        begin = time.monotonic()
        self._onramp("up", "--detach", "--port", str(self.port))
        return time.monotonic() - begin

    def down(self) -> None:
        """End it; what it keeps is kept."""
        self._onramp("down")

    def hub(self, user: str) -> Hub:
        """Return its hub, signed in as one of its people."""
        link = self._onramp("open", user).strip()
        hub = Hub(f"http://127.0.0.1:{self.port}")
        hub.sign_in(user, link=link)
        return hub

    @property
    def control(self) -> str:
        """The loopback address that no other factory has (hub_config.factory.plan)."""
        plan = self.state.plan
        assert plan is not None
        return plan.control

    def run(self, *command: str, user: str = "root") -> str:
        """Run a command inside and return what it printed."""
        return _output(inside(self.state, command, user=user))

    def python(self, code: str, *, user: str) -> str:
        """Run Python as a person, told of its site as in a server; return what it prints after RESULT, or ""."""
        environment = ("env", "ONRAMP_SITE=/srv/onramp/etc/site.yaml", f"PATH={VENV}:/usr/bin:/bin")
        said = self.run(*environment, f"{VENV}/python", "-c", code, user=user).splitlines()
        return next((line.removeprefix("RESULT ") for line in said if line.startswith("RESULT ")), "")

    def begin(self, *command: str, user: str = "root", log: Path) -> "subprocess.Popen[bytes]":
        """Start a program inside that runs until it, or the factory, is ended."""
        with log.open("wb") as file:
            return subprocess.Popen(
                inside(self.state, command, user=user),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def rpcs(self, *, of_root: bool = False) -> int:
        """Return how many requests slurmctld has answered people and the hub; those of root only where asked for."""
        return client_rpcs(self.run("sdiag"), of_root=of_root)

    def settle(self) -> None:
        """Wait until no job is left but those that stand by for grading: none measured next queues behind another."""
        end = time.monotonic() + SETTLED_WITHIN
        while left := [line for line in self.run("squeue", "-h", "-o", "%j %i %u").splitlines() if _counts(line)]:
            if time.monotonic() > end:
                raise TimeoutError(f"jobs do not end:\n{left}")
            time.sleep(0.2)

    def _onramp(self, command: str, *arguments: str, new_session: bool = False) -> str:
        line = ["./onramp", command, "--state", str(self.state.folder), *arguments]
        return _output(line, new_session=new_session)


def client_rpcs(sdiag: str, *, of_root: bool = False) -> int:
    """Return the sum of sdiag's "RPC statistics by user", without slurm and, unless asked for, root (slurmd)."""
    _, _, by_user = sdiag.partition("statistics by user")
    left_out = ("slurm",) if of_root else ("root", "slurm")
    return sum(int(count) for user, count in _USER_LINE.findall(by_user) if user not in left_out)


def _counts(job: str) -> bool:
    return not job.startswith("onramp-grade ")


def free_port(address: str, ports: Sequence[int] = (0,)) -> int:
    """Return a port nobody listens on; 0 among `ports` stands for any."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"every port of {address} from {ports[0]} to {ports[-1]} is taken")


def end_when_told() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP end the bench through every `with` block; being told twice changes nothing."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def leave(number: int, _: FrameType | None) -> NoReturn:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    for each in signals:
        signal.signal(each, leave)


def _output(command: Sequence[str], *, new_session: bool = False) -> str:
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False, start_new_session=new_session
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
