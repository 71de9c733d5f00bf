"""What a copy is said to cost, what a tree of processes has spent, and a test in otter's form; nothing is graded."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat import NotebookNode

from curricula.release import Generated
from tests.bench.bench_grading import NUMPY, Work, checked, from_start, one_more, results, table, with_otter
from tests.bench.graders import OTTER, as_otter
from tests.bench.interleave import Sample
from tests.bench.tree import Spent

BUSY = "import time\nwhile time.process_time() < 0.3: pass\n"

EMPTY = Generated(source=NotebookNode(), release=NotebookNode(), tests=NotebookNode())


def sample(number: int, contender: str, **measures: float) -> Sample:
    return Sample(number, contender, 0.0, 0.0, measures)


def test_a_copy_bears_its_part_of_the_start_and_one_more_copy_none() -> None:
    one, five = Spent(cpu=3, at=4), Spent(cpu=11, at=16)

    assert from_start(five, 5) == {"cpu": 2.2, "wall": 3.2}
    assert one_more(one, five, 4) == {"exec_cpu": 2, "exec_wall": 3}


def test_ratios_say_how_many_times_more_the_others_take_of_the_same_round() -> None:
    samples = [
        sample(-1, "ours", exec_cpu=9, exec_wall=9, total_cpu=9, total_wall=9, cpu=9, wall=9),
        sample(-1, "peer", exec_cpu=9, exec_wall=9, total_cpu=9, total_wall=9, cpu=9, wall=9),
        sample(0, "ours", exec_cpu=0.02, exec_wall=0.03, total_cpu=0.04, total_wall=0.05, cpu=0.1, wall=0.2),
        sample(0, "peer", exec_cpu=1.0, exec_wall=1.5, total_cpu=1.2, total_wall=2, cpu=1.2, wall=2),
        sample(0, "otter", cpu=3, wall=4),
    ]

    assert results(samples) == pytest.approx(
        {
            "exec_cpu_ratio": 50,
            "total_ratio": 40,
            "per_min": 2000,
            "per_min_peer": 40,
            "exec_cpu_ms": 20,
            "exec_cpu_ms_peer": 1000,
            "total_cpu_ratio": 30,
            "start_ratio": 10,
            "otter_wall_ratio": 20,
        }
    )
    assert "otter_wall_ratio" not in results(samples[:-1])
    assert "20.00" in table(samples, "exec_cpu").splitlines()[1]


def test_who_grades_wrongly_has_not_graded() -> None:
    work = Work(NUMPY, NotebookNode(), b"", EMPTY)
    checked(iter([10.0, 10.0]), work)
    with pytest.raises(AssertionError, match=r"\[10.0, None\]"):
        checked([10.0, None], work)


def test_what_children_spent_counts_while_they_run_and_when_they_have_ended() -> None:
    before = Spent.now()
    subprocess.run([sys.executable, "-I", "-c", BUSY], check=True)
    ended = before.until(Spent.now())
    assert ended.cpu >= 0.28
    assert ended.at > 0

    nested = f"import os, time\nif os.fork() == 0:\n{BUSY}os._exit(0)\nos.wait()\nprint(flush=True)\ntime.sleep(99)"
    nested = nested.replace(BUSY, "".join(f"    {line}\n" for line in BUSY.splitlines()) + "    ")
    before = Spent.now()
    with subprocess.Popen([sys.executable, "-I", "-c", nested], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert before.until(Spent.now()).cpu >= 0.28
        process.kill()


def test_a_reading_waits_for_what_still_ends() -> None:
    with subprocess.Popen([sys.executable, "-I", "-c", BUSY]):
        before = Spent.once_quiet()
        assert before.until(Spent.now()).cpu < 0.2


def test_otter_is_left_out_where_it_cannot_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.bench.graders.TOOLS", tmp_path / "none")

    assert with_otter(tmp_path, Work(NUMPY, NotebookNode(), b"", EMPTY)) == ()
    assert f"otter is left out: {OTTER} cannot be installed: " in capsys.readouterr().err


def test_a_test_cell_becomes_a_doctest_with_a_line_for_each_statement() -> None:
    made = as_otter("a-test", 3, "import numpy as np\n\nassert np.sum(\n    [1, 2]\n) == 3  # a comment\n")

    tree = ast.parse(made).body
    assert [ast.unparse(one) for one in tree[:1]] == ["OK_FORMAT = True"]
    assert isinstance(tree[1], ast.Assign)
    test = ast.literal_eval(tree[1].value)
    assert (test["name"], test["points"]) == ("a-test", 3)
    assert test["suites"][0]["cases"][0]["code"] == ">>> import numpy as np\n>>> assert np.sum([1, 2]) == 3"
