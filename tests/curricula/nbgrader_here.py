"""nbgrader courses to bring in: its own quickstart, made by its own program, and small ones made here."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbgrader
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

NBGRADER = Path(nbgrader.__file__).parent
OLD = NBGRADER / "tests/apps/files"  # nbgrader's own notebooks, some of years ago
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
NAMED = {"schema_version": 3, "grade": False, "solution": False, "locked": False}
PICTURE = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000")


def command(folder: Path, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run nbgrader's own program in a folder, as somebody whose home that is."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder)}
    environment |= {"JUPYTER_NO_CONFIG": "", "JUPYTER_CONFIG_DIR": str(folder / ".jupyter")}
    environment |= {"JUPYTER_DATA_DIR": str(folder / ".data"), "PYTHONWARNINGS": "ignore"}
    argv = [sys.executable, "-m", "nbgrader", *arguments]
    return subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=timeout
    )


def quickstart(folder: Path) -> Path:
    """What `nbgrader quickstart` makes: two notebooks in one assignment, a picture, a header, a task."""
    source = NBGRADER / "docs/source/user_guide/source"
    shutil.copytree(source, folder / "source", ignore=shutil.ignore_patterns("ps1_autotest"))
    (folder / "nbgrader_config.py").write_text(
        'c = get_config()\nc.CourseDirectory.course_id = "course101"\n'
        'c.IncludeHeaderFooter.header = "source/header.ipynb"\n'
    )
    return folder


def answer(source: str = "### BEGIN SOLUTION\nx = 1\n### END SOLUTION", name: str = "f", **told: Any) -> Any:
    about = {**NAMED, "solution": True, "grade_id": name, **told}
    return new_code_cell(source, metadata={"nbgrader": about})


def exam(source: str = "assert x == 1", name: str = "t", points: float = 2, **told: Any) -> Any:
    about = {**NAMED, "grade": True, "locked": True, "grade_id": name, "points": points, **told}
    return new_code_cell(source, metadata={"nbgrader": about})


def text(source: str) -> Any:
    return new_markdown_cell(source)


def put(folder: Path, name: str, *cells: Any, file: str = "nb.ipynb", kernel: Any = KERNEL) -> Path:
    """Write one assignment of one notebook into an nbgrader course."""
    notebook = new_notebook(cells=list(cells or (answer(), exam())), metadata={"kernelspec": kernel} if kernel else {})
    path = folder / "source" / name / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook))
    return path
