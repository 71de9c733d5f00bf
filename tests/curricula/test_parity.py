"""Honest work, and partly and wholly wrong one, gets the marks of stock nbgrader, cell by cell. A file is a test."""

import shutil
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.api import MissingEntry
from nbgrader.apps.api import NbGraderAPI
from traitlets.config import Config

from curricula.course import Assignment
from curricula.here import Here
from curricula.release import generate
from curricula.report import Limits
from tests.curricula.course_here import bubblewrap
from tests.curricula.nbgrader_here import KERNEL, answer, exam

FOLDER = Path(__file__).parent / "parity"
KINDS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
WORK = ("honest", "partly", "wrong")
Marks = Mapping[str, float]


def source(exercises: list[dict[str, Any]]) -> NotebookNode:
    """The course's notebook: each exercise and its tests."""
    cells = []
    for one in exercises:
        cells.append(answer(f"### BEGIN SOLUTION\n{one['honest']}\n### END SOLUTION", one["name"]))
        cells += [exam(text, f"{one['name']}-{number}", 1) for number, text in enumerate(one["tests"], 1)]
    return new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


def handed_in(release: NotebookNode, exercises: list[dict[str, Any]], work: str) -> NotebookNode:
    """The learners' notebook with answers of one kind."""
    notebook = nbformat.reads(nbformat.writes(release), as_version=4)
    known = {one["name"]: one[work] for one in exercises}
    for cell in notebook.cells:
        cell.source = known.get(cell.metadata.nbgrader.grade_id, cell.source)
    return notebook


@pytest.fixture(scope="module")
def here() -> Iterator[Here]:
    with pytest.MonkeyPatch.context() as patch:
        # nbgrader starts alembic by its name.
        patch.setenv("PATH", f"{bubblewrap()}:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin")
        with Here() as one:
            yield one


def stock(folder: Path, made: NotebookNode, work: Mapping[str, NotebookNode]) -> Mapping[str, Marks]:
    """The marks that nbgrader's own autograding gives each notebook."""
    config = Config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.db_url = f"sqlite:///{folder}/gradebook.db"
    config.Exchange.root = str(folder / "exchange")
    (folder / "exchange").mkdir(parents=True)
    (folder / "exchange").chmod(0o777)  # nbgrader asks for that, and nothing is put there
    api = NbGraderAPI(config=config)
    place = folder / "source/a1/nb.ipynb"
    place.parent.mkdir(parents=True)
    nbformat.write(made, place)
    with warnings.catch_warnings():  # nbgrader's own, and of what it stands on
        warnings.simplefilter("ignore")
        done = api.generate_assignment("a1", create=True)
        assert done["success"], done
        for name, notebook in work.items():
            place = folder / f"submitted/{name}/a1/nb.ipynb"
            place.parent.mkdir(parents=True)
            nbformat.write(notebook, place)
            done = api.autograde("a1", name)
            assert done["success"], done
        with api.gradebook as book:
            return {name: _marks(book, name) for name in work}


def _marks(book: Any, name: str) -> Marks:
    try:
        grades = book.find_submission_notebook("nb", "a1", name).grades
    except MissingEntry:
        return {}
    return {grade.name: grade.score for grade in grades}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_marks_as_stock(kind: str, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "tensors":
        pytest.importorskip("torch")
    exercises = yaml.safe_load((FOLDER / f"{kind}.yaml").read_text())
    made = source(exercises)
    version = generate(made, Assignment(name="a1", title="A1", notebook="nb.ipynb"))
    work = {name: handed_in(version.release, exercises, name) for name in WORK}
    ours = {}
    for name, notebook in work.items():
        done = here.grade(nbformat.writes(notebook).encode(), version, Limits())
        assert done.result.not_run is None, done.result.not_run
        ours[name] = {cell.name: cell.score for cell in done.result.cells}
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MPLBACKEND", "agg")
    theirs = stock(tmp_path / "course", made, work)
    assert ours == theirs
    assert [set(theirs["honest"].values()), set(theirs["partly"].values()) >= {0, 1}] == [{1}, True]
    assert sum(theirs["wrong"].values()) < sum(theirs["partly"].values())
    shutil.rmtree(tmp_path / "course")
