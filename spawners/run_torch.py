"""What the job of a script does: torchrun on every node, one process for each GPU, and what became of them.

`python -I -m spawners.run_torch FOLDER [INTERFACE]`, on the job's first node.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from spawners import run_record as files
from spawners.render import on_every_node
from spawners.run_causes import cause_of
from spawners.run_node import NodeRun, finish, main
from spawners.run_rank import RankFailure
from spawners.run_record import Failure
from spawners.run_script import with_parameters

# Of a process that failed so many of its last lines are shown in the job's log.
LINES, BYTES = 15, 20_000
# Seconds that the processes have to end in, once they are told to.
GRACE = 10


class RanksFailed(RuntimeError):
    """A process of the script failed."""


class ScriptRun(NodeRun):
    """A script on the nodes of its job."""

    what = "script"
    interface: str | None = None

    def work(self) -> None:
        """Run it with its parameters, and wait until all of its processes are over."""
        values = yaml.safe_load((self.folder / files.PARAMETERS).read_text()) or {}
        source = (self.folder / files.SCRIPT_INPUT).read_text(encoding="utf-8")
        files.write_whole(self.folder / files.SCRIPT, with_parameters(source, values))
        if self._ranks():
            raise RanksFailed("a process of the script failed, and did not say why")

    def failure(self, error: Exception) -> Failure:
        """Which process failed first, whose last lines go to the log."""
        first = first_failure(self.folder)
        if not isinstance(error, RanksFailed) or first is None:
            return super().failure(error)
        if first.rank:
            log = files.rank_log(first.rank)
            print(f"onramp: the last lines of rank {first.rank}, from {log}:\n{_tail(self.folder / log)}", flush=True)
        return first

    def _ranks(self) -> int:
        """Run the processes on all nodes; return the exit code of the worst."""
        # Not above: where there is no PyTorch, that is said in the run's own record.
        from torch.distributed import TCPStore

        from spawners.run_ranks import address

        host = address(self.interface, os.environ)
        # A port that the system gives is free, and this process keeps it, where every number of our own may be taken.
        store = TCPStore(host, 0, is_master=True, wait_for_workers=False)
        program = ("-I", "-m", "spawners.run_ranks", str(self.folder), f"{host}:{store.port}")
        argv = (sys.executable, *program, *((self.interface,) if self.interface else ()))
        return _wait(on_every_node(self._record.submitted.resources, argv))


def first_failure(folder: Path) -> Failure | None:
    """What failed first; that it lost the others is the cause only where nothing else is."""
    found = []
    for path in folder.glob("rank-*.json"):
        try:
            found.append(RankFailure.model_validate_json(path.read_bytes()))
        except (OSError, ValidationError):
            continue
    return min(found, key=lambda one: (_lost_others(one.failure), one.at)).failure if found else None


def _lost_others(failure: Failure) -> bool:
    cause = cause_of(failure, "")
    return cause is not None and cause.name == "rendezvous"


def _wait(argv: Sequence[str]) -> int:
    """Run a program to its end; whatever ends this process ends it too."""
    process = subprocess.Popen(argv)
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()


def _tail(path: Path) -> str:
    """The last lines of a log."""
    try:
        return "\n".join(path.read_bytes()[-BYTES:].decode(errors="replace").splitlines()[-LINES:])
    except OSError:
        return "(nothing)"


if __name__ == "__main__":
    ScriptRun.interface = sys.argv[2] if len(sys.argv) > 2 else None
    sys.exit(finish(main(sys.argv[1:], ScriptRun)))
