"""A notebook in a fresh kernel: a real one, with whatever a cell may do to it."""

import os
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from curricula.fresh import run
from curricula.report import TIME_LIMIT, Limits, Ran, Report

LIMITS = Limits()


async def ran(folder: Path, *sources: str, limits: Limits = LIMITS, **environment: str) -> Report:
    cells = [new_markdown_cell("# A title"), *map(new_code_cell, sources)]
    return await run(new_notebook(cells=cells), folder, limits, {**os.environ, **environment})


async def test_every_cell_is_run_in_the_folder_whatever_became_of_those_before(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("7")
    report = await ran(
        tmp_path,
        "print('Cell In[9], line 9')\n1 / 0",
        "",
        "import os\nx = int(open('data.txt').read())\nx / 2",
        "def f():\n    raise ValueError('no\\nway')\n\nf()",
        "assert os.environ['MINE'] == 'here'; x = 8;",
        MINE="here",
    )
    assert report == Report(
        cells=(
            Ran(index=1, ok=False, error="ZeroDivisionError", message="division by zero", line=2),
            Ran(index=3, ok=True, result="3.5"),
            Ran(index=4, ok=False, error="ValueError", message="no\nway", line=4),
            Ran(index=5, ok=True),
        )
    )


@pytest.mark.parametrize(
    ("source", "error", "line"),
    [("x = (", "SyntaxError", 1), ("input()", "StdinNotImplementedError", 1), ("%no_such_magic", "UsageError", None)],
)
async def test_errors_of_every_kind_have_a_name(tmp_path: Path, source: str, error: str, line: int | None) -> None:
    (found,) = (await ran(tmp_path, source)).cells
    assert (found.ok, found.error, found.line) == (False, error, line)


async def test_a_cell_without_end_is_stopped_and_the_next_is_run(tmp_path: Path) -> None:
    report = await ran(tmp_path, "while True: print('x' * 1000)", "'on'", limits=Limits(cell_seconds=2))
    assert report.stopped is None
    assert [(one.error, one.message) for one in report.cells] == [(TIME_LIMIT, "longer than 2 seconds"), ("", "")]
    assert report.cells[1].result == "'on'"


async def test_a_cell_that_cannot_be_stopped_stops_the_notebook(tmp_path: Path) -> None:
    stubborn = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    limits = Limits(cell_seconds=1, seconds=2)
    report = await ran(tmp_path, stubborn, "1", "2", "3", limits=limits)
    assert (report.cells[0].error, report.stopped) == (TIME_LIMIT, limits.late)
    assert not any(one.ok for one in report.cells)


async def test_a_cell_that_ends_python_ends_it(tmp_path: Path) -> None:
    report = await ran(tmp_path, "1", "import os\nos._exit(3)", "2")
    assert report.cells == (Ran(index=1, ok=True, result="1"),)
    assert str(report.stopped).startswith("Cell 3 ended the process that the notebook ran in.")
