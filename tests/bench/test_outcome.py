"""How every bench begins and ends; nothing is measured."""

from pathlib import Path

import pytest

from tests.bench.goals import Goal
from tests.bench.interleave import Sample
from tests.bench.outcome import asked, conclude, show

SAMPLES = [Sample(0, "ours", at=0.0, load=0.0, measures={"seconds": 2.0, "cpu": 1.0})]


def test_the_last_lines_are_the_goals_and_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    goals = {"ratio": Goal(most=1.1), "growth": Goal(most=2)}
    conclude("some", goals, SAMPLES, {"ratio": 1.2}, aside={"growth": 1}, folder=tmp_path)
    raw, *last = capsys.readouterr().out.splitlines()
    assert raw.startswith("raw samples: ")
    assert (Path.cwd() / raw.removeprefix("raw samples: ")).resolve() in [*tmp_path.resolve().iterdir()]
    assert last == ["GOALS some met 1 of 2, missed 1: ratio is 1.2 (goal ≤ 1.1)", "RESULT some ratio=1.2"]


def test_there_is_a_table_for_each_measure(capsys: pytest.CaptureFixture[str]) -> None:
    show(SAMPLES, "seconds", "cpu")
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said if line] == ["seconds", "ours", "cpu", "ours"]


def test_an_unknown_option_is_refused_in_the_words_of_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--slow"])
    with pytest.raises(SystemExit):
        asked("some")
    assert "onramp bench some: error: unrecognized arguments: --slow" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["bench", "--only", "theirs"])
    with pytest.raises(SystemExit):
        asked("some", "fewer", "ours", "peer")
    assert "choose from 'ours', 'peer'" in capsys.readouterr().err
