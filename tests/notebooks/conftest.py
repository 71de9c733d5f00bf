"""Fixtures of the notebooks' tests: a job's environment, Slurm's commands as small programs, kernels without parts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.notebooks.job import ROOT

# squeue fills its own format, so that the separator drawn anew for each call comes back.
SQUEUE = r"""#!/bin/sh
echo squeue >> "$0.calls"
for argument; do case $argument in --format=*) format=${argument#--format=} ;; esac; done
printf '%s\n' "$format" | sed -e 's/%i/17/; s/%u/student1/; s/%T/RUNNING/; s/%r/None/; s/%a/onboarding/; s/%P/gpu/' \
  -e 's/%B/gpu1/; s/%S/1763640000/; s/%e/END/; s/%L/10:00/; s/%j/server/; s/%k/(null)/'
"""
SSHARE = """#!/bin/sh
echo sshare >> "$0.calls"
echo 'onboarding||gres/gpu=6000|cpu=90,gres/gpu=60'
"""
REFUSES = """#!/bin/sh
echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2
exit 1
"""

# Hides modules as if they were not installed, and refuses every connection that leaves this machine.
SITECUSTOMIZE = """
import sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {hidden!r} else super().find_spec(name, path, target)

def stay_here(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple) and not arguments[1][0].startswith("127."):
        raise PermissionError(f"no network: {{arguments[1]}}")

sys.meta_path = [Hiding if finder is PathFinder else finder for finder in sys.meta_path]
sys.addaudithook(stay_here)
"""


@pytest.fixture
def slurm_bin(tmp_path: Path) -> Callable[..., Path]:
    """Write a folder of Slurm's commands that know job 17, ending in `minutes`, or that all refuse."""

    def write(*, minutes: int = 57, refuses: tuple[str, ...] = ()) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        end = int((datetime.now(UTC) + timedelta(minutes=minutes, seconds=30)).timestamp())
        for name, text in (("squeue", SQUEUE.replace("END", str(end))), ("sshare", SSHARE)):
            program = folder / name
            program.write_text(REFUSES if name in refuses else text)
            program.chmod(0o755)
        return folder

    return write


@pytest.fixture
def kernel_path(tmp_path: Path) -> Callable[..., str]:
    """Give the PYTHONPATH of a kernel that runs the checkout, has no network, and lacks some modules."""

    def write(*hidden: str) -> str:
        folder = tmp_path / "site"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(SITECUSTOMIZE.format(hidden=hidden))
        return f"{folder}:{ROOT}"

    return write
