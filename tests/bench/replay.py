"""Slurm, the launcher and all servers, played by one process: `bench_hub` runs this beside the hub that it measures.

Arguments: the folder that `install` made, the hub's API, and the port at which all servers answer. It plays
the launcher   of our hub, on a Unix socket: sbatch and scancel, as spawners.as_user would run them;
sbatch         of the stock hub, a program that tells this process through a named pipe;
squeue         a program that prints a file, which this process keeps true, and notes that it was called;
jobs           which run at once, or wait while the file `held` is there; each reports its port to the hub;
servers        which all answer at the one port, told apart by their path.
"""

import asyncio
import json
import logging
import os
import re
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tornado.httpclient import AsyncHTTPClient, HTTPError
from tornado.web import Application, RequestHandler

from spawners.slurm_text import SQUEUE_FIELDS

NODE = "127.0.0.1"
SOCKET, PIPE, HELD, CALLS, JOBS = "launcher.sock", "pipe", "held", "calls", "jobs"
# How often it is looked whether jobs are still held.
LOOK = 0.2
# In the file, 0x1e stands for the separator that our client asks for; the stock hub asks about one job at a time.
SQUEUE = """\
#!/bin/sh
echo >>FOLDER/calls
case $* in
*--states=all*)
    for word; do case $word in --format=*) format=$word ;; esac; done
    token=${format#*%i}
    exec sed "s/\036/${token%%%u*}/g" FOLDER/answer ;;
*) read -r state <"FOLDER/jobs/$3" && echo "$state" ;;
esac
"""
# A number that no other call gets, without starting another program: the clock and the process.
SBATCH = """\
#!/bin/sh
read -r now _ </proc/uptime
id=${now%.*}${now#*.}$$
echo "PENDING n/a" >FOLDER/jobs/$id
echo "$id $JUPYTERHUB_API_TOKEN" >FOLDER/pipe
echo "$id"
"""
SCONTROL = """\
#!/bin/sh
echo "PrivateData = none"
"""
SCANCEL = """\
#!/bin/sh
rm -f "FOLDER/jobs/$1"
"""


def install(folder: Path) -> None:
    """Make the commands, and the files by which the programs speak to each other."""
    (folder / JOBS).mkdir()
    os.mkfifo(folder / PIPE)
    for name in ("answer", CALLS):
        (folder / name).touch()
    for name, text in (("squeue", SQUEUE), ("sbatch", SBATCH), ("scontrol", SCONTROL), ("scancel", SCANCEL)):
        (folder / name).write_text(text.replace("FOLDER", str(folder)))
        (folder / name).chmod(0o755)


class Report(NamedTuple):
    """What a job tells the hub once it runs: its server's port, with the server's own token."""

    path: str
    token: str
    job_id: str


class Replay:
    """All jobs there are; each is PENDING, then RUNNING, then gone."""

    def __init__(self, folder: Path, hub_api: str, port: int) -> None:
        """Nothing has been submitted."""
        self._folder, self._hub_api, self._port = folder, hub_api, port
        self._rows: dict[str, str] = {}
        self._waiting: list[Report] = []
        self._fields: dict[str, tuple[str, str]] = {}
        self._reports: set[asyncio.Task[None]] = set()
        self._http = AsyncHTTPClient(max_clients=100)
        self._last = 0

    async def launcher(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request of our hub."""
        request = json.loads(await reader.read())
        answer = self._submit(request) if request["action"] == "submit" else self._end(request)
        writer.write(json.dumps(answer).encode())
        await writer.drain()
        writer.close()

    def stock(self, line: str) -> None:
        """Take a job that the stock hub's sbatch has told of."""
        job_id, token = line.split()
        self._take(Report("batchspawner", token, job_id))

    async def release(self) -> None:
        """Let jobs run whenever they are not held."""
        while True:
            await asyncio.sleep(LOOK)
            if self._waiting and not (self._folder / HELD).exists():
                waiting, self._waiting = self._waiting, []
                self._run(waiting)

    def _submit(self, request: Mapping[str, Any]) -> Mapping[str, str]:
        self._last += 1
        job_id = str(self._last)
        (comment,) = re.findall(r'^#SBATCH --comment="?([^"\n]*)"?$', request["script"], re.MULTILINE)
        self._fields[job_id] = request["user"], comment
        self._rows[job_id] = self._row(job_id, "PENDING", "Priority", "n/a")
        self._take(Report("onramp/port", request["secrets"]["JUPYTERHUB_API_TOKEN"], job_id))
        self._write()
        return {"job_id": job_id}

    def _end(self, request: Mapping[str, Any]) -> Mapping[str, str]:
        self._rows.pop(request.get("job_id", ""), None)
        self._write()
        return {}

    def _take(self, report: Report) -> None:
        """Let a job run, or wait behind those that are held."""
        if (self._folder / HELD).exists():
            self._waiting.append(report)
        else:
            self._run([report])

    def _run(self, reports: list[Report]) -> None:
        for report in reports:
            if report.job_id in self._rows:
                self._rows[report.job_id] = self._row(report.job_id, "RUNNING", "None", NODE)
            elif (file := self._folder / JOBS / report.job_id).exists():
                file.write_text(f"RUNNING {NODE}\n")
            task = asyncio.create_task(self._report(report))
            self._reports.add(task)
            task.add_done_callback(self._reports.discard)
        self._write()

    async def _report(self, report: Report) -> None:
        """Tell the hub the port, as the job on its node does: again while the hub has no time."""
        headers = {"Authorization": f"token {report.token}", "Content-Type": "application/json"}
        body, url = json.dumps({"port": self._port}), f"{self._hub_api}/{report.path}"
        for _ in range(20):
            try:
                await self._http.fetch(url, method="POST", headers=headers, body=body)
                return
            except (HTTPError, OSError):
                await asyncio.sleep(1)

    def _row(self, job_id: str, state: str, reason: str, node: str) -> str:
        """What squeue prints of a job, field by field."""
        user, comment = self._fields[job_id]
        known = {"%i": job_id, "%u": user, "%T": state, "%r": reason, "%B": node, "%k": comment, "%j": "onramp-server"}
        known |= {"%a": "onboarding", "%P": "cpu", "%Q": "1", "%V": "1767603500"}
        known |= {"%S": "1767603600", "%e": "1767618000"} if state == "RUNNING" else {}
        return "".join(known.get(field, "N/A") + chr(0x1E) for field in SQUEUE_FIELDS) + "\n"

    def _write(self) -> None:
        """Keep what squeue prints true: no call ever reads half of it."""
        new = self._folder / "answer.new"
        new.write_text("".join(self._rows.values()))
        new.replace(self._folder / "answer")


class Server(RequestHandler):
    """Whatever is asked of any server, it answers."""

    def get(self) -> None:
        """Say who answers, as jupyterhub-singleuser does."""
        self.set_header("X-JupyterHub-Version", "6.1.1")
        self.write({"version": "2.21.1"})


def read_lines(path: Path, take: Callable[[str], None]) -> None:
    """Hand over every line that any program writes to a named pipe."""
    assert stat.S_ISFIFO(path.stat().st_mode)
    # Open for writing as well, so that it never ends.
    pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    rest = ""

    def ready() -> None:
        nonlocal rest
        *lines, rest = (rest + os.read(pipe, 65536).decode()).split("\n")
        for line in lines:
            take(line)

    asyncio.get_running_loop().add_reader(pipe, ready)


async def main(folder: Path, hub_api: str, port: int) -> None:
    """Play until ended."""
    replay = Replay(folder, hub_api, port)
    Application([(".*", Server)], log_function=lambda _: None).listen(port, NODE, backlog=1024)
    read_lines(folder / PIPE, replay.stock)
    await asyncio.start_unix_server(replay.launcher, folder / SOCKET, backlog=1024)
    await replay.release()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
