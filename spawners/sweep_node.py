"""What each job of a sweep does: it loads what the notebook imports once, and forks a process for each member.

`python -I -m spawners.sweep_node FOLDER`. The jobs of a sweep take its members one by one until there are none left. A
member is a run like any other: its folder holds its record, its parameters and its notebook with all outputs.
"""

import ast
import contextlib
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spawners import run_record as files
from spawners.run_environment import environment_file
from spawners.run_node import STOPPED, NodeRun, finish, main
from spawners.run_record import Failure, Record, Reported
from spawners.sweep_engine import InProcess
from spawners.sweep_record import claim, member_folders, read_sweep

# Figures are pictures below their cell, as in a notebook; it counts when matplotlib is loaded.
INLINE = "module://matplotlib_inline.backend_inline"


class MemberRun(NodeRun):
    """One member, in a process that has everything loaded."""

    engine = InProcess

    def stopped(self) -> None:
        """Note that Slurm ends the job, and end: an exception would be one of the cell's."""
        super().stopped()
        shutil.rmtree(self._runtime, ignore_errors=True)
        os._exit(STOPPED)


class Ended(Exception):
    """Slurm ends the job."""


def imported(notebook: bytes) -> list[str]:
    """The modules that a notebook's cells import, in order; cells that are no Python have none."""
    found: dict[str, None] = {}
    for cell in json.loads(notebook)["cells"]:
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        with contextlib.suppress(SyntaxError, ValueError):
            if cell["cell_type"] == "code":
                found |= dict.fromkeys(_modules(ast.parse(source)))
    return list(found)


def _modules(tree: ast.AST) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return names


def preload(names: list[str]) -> bool:
    """Load modules; return whether one may fork after that: a thread that one of them has begun is not in the copy."""
    for name in names:
        with contextlib.suppress(Exception):  # the member's own cell fails, and is told why
            importlib.import_module(name)
    environment_file()
    return threading.active_count() == 1


def run_all(folder: Path, job_id: str) -> int:
    """Run members until none is left; return 1 where one of these failed."""
    cwd = read_sweep(folder).submitted.cwd
    os.environ["MPLBACKEND"] = INLINE
    if os.path.isdir(cwd):
        os.chdir(cwd)
        sys.path.insert(0, cwd)
    begin = _fork if preload(imported((folder / files.INPUT).read_bytes())) else _start
    codes = [_one(member, begin) for member in member_folders(folder) if claim(member, job_id)]
    print(f"onramp: {codes.count(0)} of the {len(codes)} members that this job took ran to their end.", flush=True)
    return int(any(codes))


def _one(member: Path, begin: Callable[[Path], int]) -> int:
    """Run one member in a process of its own, and return its exit code."""
    print(f"onramp: member {member.name}", flush=True)
    child = begin(member)
    try:
        _, status = os.waitpid(child, 0)
    except Ended:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        _note_death(member)
    return code


def _fork(member: Path) -> int:
    """Begin a member in a copy of this process."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setpgid(0, 0)
        code = finish(main([str(member)], MemberRun))
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else 1
    finally:
        os._exit(code)


def _start(member: Path) -> int:
    """Begin a member as an ordinary run."""
    program = [sys.executable, "-I", "-m", "spawners.run_node", str(member)]
    return subprocess.Popen(program, start_new_session=True).pid


def _note_death(member: Path) -> None:
    """Write down that a member's Python was ended, which could not do so itself."""
    record = files.read_record(member)
    now = datetime.now(UTC)
    told: dict[str, Any] = record.reported.model_dump() if record.reported else {"started": now}
    failure = Failure(ename="DeadKernelError", evalue="Python died")
    reported = Reported.model_validate(told | {"ended": now, "outcome": "failed", "failure": failure})
    files.write_record(member, Record(submitted=record.submitted, reported=reported))


def _end(*_: object) -> None:
    raise Ended


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    try:
        sys.exit(run_all(Path(sys.argv[1]), os.environ.get("SLURM_JOB_ID", "0")))
    except Ended:
        sys.exit(STOPPED)
