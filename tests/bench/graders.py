"""What grades the same notebook elsewhere, as its users start it: `nbgrader autograde`, and `otter run`."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hub_config.cli.terminal import REPOSITORY
from tests.bench.tree import Spent
from tests.curricula.nbgrader_here import command

OTTER = "otter-grader==7.0.0"
TOOLS = Path(os.environ.get("ONRAMP_TOOLS", REPOSITORY / ".tools"))
_INSTALL_WITHIN = 60.0
_PATIENCE = 1200.0


class LeftOut(Exception):
    """A grader cannot be had here, and why."""


class Nbgrader:
    """A course of nbgrader's own, with the assignment released; each time it grades, in a fresh copy of it."""

    def __init__(self, folder: Path, name: str, source: Path) -> None:
        self._folder, self._name = folder / "course", name
        place = self._folder / "source" / name / source.name
        place.parent.mkdir(parents=True)
        shutil.copy(source, place)
        self._file = source.name
        self._run(self._folder, "generate_assignment", name)

    def grade(self, content: bytes, copies: int) -> tuple[Spent, Sequence[float]]:
        """Have `nbgrader autograde` grade so many people's notebooks; return what it took, and the scores."""
        with tempfile.TemporaryDirectory(dir=self._folder.parent) as place:
            folder = shutil.copytree(self._folder, Path(place, "course"))
            for number in range(copies):
                path = folder / "submitted" / f"student{number}" / self._name / self._file
                path.parent.mkdir(parents=True)
                path.write_bytes(content)
            before = Spent.once_quiet()
            self._run(folder, "autograde", self._name)
            took = before.until(Spent.now())
            return took, self._scores(folder)

    def _run(self, folder: Path, *arguments: str) -> None:
        done = command(folder, *arguments, timeout=_PATIENCE)
        assert done.returncode == 0, done.stderr

    def _scores(self, folder: Path) -> Sequence[float]:
        from nbgrader.api import Gradebook

        with closing(Gradebook(f"sqlite:///{folder}/gradebook.db")) as book:
            return [float(one.score) for one in book.assignment_submissions(self._name)]


class Otter:
    """otter-grader in an environment of its own, with the same Python and numpy, and the same tests in its form."""

    def __init__(self, folder: Path, tests: Any) -> None:
        """`tests` is the notebook that holds them. Raises LeftOut."""
        self._folder, self._bin = folder / "otter", folder / "otter/venv/bin"
        (self._folder / "tests").mkdir(parents=True)
        self._install()
        for cell in tests.cells:
            about = cell.metadata.get("nbgrader", {})
            if about.get("grade"):
                path = self._folder / "tests" / f"{about['grade_id']}.py"
                path.write_text(as_otter(about["grade_id"], about["points"], cell.source))
        self._run("generate", "-t", "tests", "-o", "autograder.zip", "--no-environment")

    def grade(self, content: bytes) -> tuple[Spent, float]:
        """Have `otter run` grade one notebook; return what it took, and the score."""
        (self._folder / "submission.ipynb").write_bytes(content)
        results = self._folder / "results.json"
        results.unlink(missing_ok=True)
        before = Spent.once_quiet()
        self._run("run", "-a", "autograder.zip", "-o", ".", "--no-logo", "submission.ipynb")
        took = before.until(Spent.now())
        return took, sum(test.get("score", 0.0) for test in json.loads(results.read_text())["tests"])

    def _install(self) -> None:
        uv, python = str(TOOLS / "uv/bin/uv"), str(self._bin / "python")
        packages = [OTTER, *(f"{name}=={version(name)}" for name in ("numpy", "ipykernel"))]
        try:
            for words in (
                ["venv", "--python", sys.executable, str(self._bin.parent)],
                ["pip", "install", "--compile-bytecode", "--python", python, *packages],
            ):
                subprocess.run([uv, *words], check=True, capture_output=True, text=True, timeout=_INSTALL_WITHIN)
        except subprocess.CalledProcessError as error:
            raise LeftOut(f"{OTTER} cannot be installed: {str(error.stderr)[-500:]}") from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LeftOut(f"{OTTER} cannot be installed: {error}") from None

    def _run(self, *arguments: str) -> None:
        environment = {"PATH": f"{self._bin}:/usr/bin:/bin", "HOME": str(self._folder), "LANG": "C.UTF-8"}
        words = [str(self._bin / "otter"), *arguments]
        done = subprocess.run(
            words, cwd=self._folder, env=environment, capture_output=True, text=True, check=False, timeout=_PATIENCE
        )
        assert done.returncode == 0, done.stderr


def as_otter(name: str, points: float, source: str) -> str:
    """Return a test cell as a test file of otter's: one doctest, a line for each statement."""
    code = "\n".join(f">>> {ast.unparse(statement)}" for statement in ast.parse(source).body)
    case = {"code": code, "hidden": False, "locked": False}
    suite = {"cases": [case], "scored": True, "setup": "", "teardown": "", "type": "doctest"}
    return f"OK_FORMAT = True\n\ntest = { ({'name': name, 'points': points, 'suites': [suite]})!r}\n"
