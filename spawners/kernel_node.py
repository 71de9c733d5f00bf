"""What a kernel's job runs on its node: it calls the server, and starts the kernel, again too, when that says so.

`python -I -m spawners.kernel_node LETTER`. The job ends when the server hangs up, and when it has no kernel for long.
The server says {"start": {"number", "cwd", "connection"}}, {"signal": number}, {"look": seconds}; the job says
{"started": number, "connection": {…}}, {"exited": number, "code": code}, {"busy": [names]}.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from spawners import idle, node_usage, node_work
from spawners.kernel_line import Call, Line, call
from spawners.node import NodeError, clean_environment, take_secrets

# Seconds without a kernel after which the node is given back: Jupyter forgets one that it could not restart.
NO_KERNEL = 60.0
# Seconds that a kernel has to end by itself once the server is gone.
GRACE = 3.0
# Seconds in which Slurm, which signals every process of a job that it ends, has reached this one after the kernel.
TOLD_TOO = 1.0
# Seconds between two looks for the ports that a kernel has written down.
LOOK = 0.02
PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")


class Kernel:
    """The process of one kernel: the how manieth of this job it is, and whether the server had it signalled."""

    def __init__(self, number: int, connection: Mapping[str, Any], cwd: str, environ: Mapping[str, str]) -> None:
        """Start it; it takes free ports of its own choice and writes them into its connection file."""
        self.number, self.signalled = number, False
        self._file = Path(environ["JUPYTER_RUNTIME_DIR"], f"kernel-{number}.json")
        self._file.touch(mode=0o600)
        self._file.write_text(json.dumps({**connection, **dict.fromkeys(PORTS, 0)}))
        self._process = subprocess.Popen(
            (sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", str(self._file)),
            stdin=subprocess.DEVNULL,
            cwd=cwd if os.access(cwd, os.X_OK) else "/",
            env=dict(environ),
            start_new_session=True,
        )

    async def ports(self) -> dict[str, int] | None:
        """The ports that it has taken; None where it ends before it says so."""
        while self._process.poll() is None:
            with contextlib.suppress(ValueError, OSError):  # it is being written
                found = json.loads(self._file.read_text())
                if all(found[name] for name in PORTS):
                    return {name: found[name] for name in PORTS}
            await asyncio.sleep(LOOK)
        return None

    async def exit(self) -> int:
        """Wait until it ends; its exit code."""
        code = await asyncio.to_thread(self._process.wait)
        self._file.unlink(missing_ok=True)
        return code

    def signal(self, number: int) -> None:
        """Signal it and what it has started; one that has ended needs none."""
        self.signalled = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


class Node:
    """The job's end: at most one kernel, and the line to the server."""

    def __init__(self, line: Line, environ: Mapping[str, str]) -> None:
        self._line, self._environ = line, environ
        self._kernel: Kernel | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._reports: asyncio.Task[None]
        self._loop = asyncio.get_running_loop()
        self._bored = self._loop.call_later(NO_KERNEL, line.close)

    async def obey(self) -> None:
        """Do what the server says until either end hangs up; Slurm's word that the job ends counts as that."""
        self._loop.add_signal_handler(signal.SIGTERM, self._line.close)
        try:
            async for message in self._line:
                if "start" in message:
                    self._start(**message["start"])
                elif "signal" in message and self._kernel is not None:
                    self._kernel.signal(int(message["signal"]))
                elif "look" in message:
                    self._task(self._look(float(message["look"])))
        finally:
            await self._end()

    def _start(self, number: int, cwd: str, connection: Mapping[str, Any]) -> None:
        """Start a kernel in place of the one that there is."""
        self._bored.cancel()
        if self._kernel is not None:
            self._kernel.signal(signal.SIGKILL)
        here = {**connection, "ip": self._line.address}
        self._kernel = Kernel(number, here, cwd, self._environ)
        self._reports = self._task(self._report(self._kernel))

    async def _report(self, kernel: Kernel) -> None:
        """Say where a kernel is reached, and that it has ended; not where it is the job that ends."""
        if ports := await kernel.ports():
            self._line.send({"started": kernel.number, "connection": {"ip": self._line.address, **ports}})
        code = await kernel.exit()
        if code < 0 and not kernel.signalled:
            await asyncio.sleep(TOLD_TOO)
        self._line.send({"exited": kernel.number, "code": code})
        if kernel is self._kernel:
            self._kernel = None
            self._bored = self._loop.call_later(NO_KERNEL, self._line.close)

    async def _look(self, seconds: float) -> None:
        """Say again and again what computes here."""
        now = await asyncio.to_thread(node_usage.take, self._environ)
        while True:
            await asyncio.sleep(seconds)
            before, now = now, await asyncio.to_thread(node_usage.take, self._environ)
            elsewhere = ("a Dask cluster",) if node_work.noted(self._environ, time.time()) else ()
            self._line.send({"busy": (*idle.busy(before, now, (), {}, os.getpid()), *elsewhere)})

    def _task(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _end(self) -> None:
        """End the kernel, first with a word and then without."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._kernel is not None:
                self._kernel.signal(number)
                await asyncio.wait([self._reports], timeout=GRACE)
        self._bored.cancel()


async def serve(told: Call, environ: Mapping[str, str]) -> None:
    """Call the server, and do what it says until one of us is gone."""
    try:
        line = await call(told)
    except OSError as error:
        raise NodeError(f"the server that wanted this kernel is not there: {error}") from error
    await Node(line, environ).obey()
    line.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Run a kernel's job; exit with 0, or with 1 and a sentence where the server is not there."""
    parser = argparse.ArgumentParser(prog="spawners.kernel_node", description=__doc__)
    parser.add_argument("letter", type=Path, help="the launcher's 0600 file; it is read once and deleted")
    given = parser.parse_args(argv)
    try:
        letter = take_secrets(given.letter)
        site = letter.pop("ONRAMP_SITE")
        environ = clean_environment(os.environ, pwd.getpwuid(os.getuid()))
        with tempfile.TemporaryDirectory(prefix="onramp-kernel-") as folder:  # 0700, on this node
            kernels = {**environ, "ONRAMP_SITE": site, "JUPYTER_RUNTIME_DIR": folder}
            asyncio.run(serve(Call.model_validate(letter), kernels))
        return 0
    except (NodeError, OSError) as error:
        print(f"onramp: {error}", file=sys.stderr)
    except (ValueError, KeyError, TypeError) as error:
        print(f"onramp: {given.letter} is no letter for a kernel: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
