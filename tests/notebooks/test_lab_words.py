"""The words of JupyterLab's page: times, sizes, endings and how an answer is read. The modules themselves, in node."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.nodejs import NODEJS

_WORDS = Path(__file__).parents[2] / "notebooks/lab/labextension/static/words.js"
_NOON = 1_800_000_000_000 // 86_400_000 * 86_400_000 + 12 * 3_600_000
_LONG = "x" * 300


def words(expression: str) -> Any:
    """Return what an expression about the module gives."""
    program = f"import * as w from {str(_WORDS)!r}; console.log(JSON.stringify({expression}) ?? 'null');"
    argv = (str(NODEJS), "--no-warnings", "--input-type=module", "--eval", program)
    done = subprocess.run(argv, capture_output=True, text=True, env={"TZ": "UTC"}, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_time_left() -> None:
    lefts = (-1, 0, 1, 59_999, 60_000, 3_599_999, 3_600_000, 12_060_000)
    assert words(f"{list(lefts)}.map(w.timeLeft)") == [
        "time is up",
        "time is up",
        "under 1 min left",
        "under 1 min left",
        "1 min left",
        "59 min left",
        "1 h left",
        "3 h 21 min left",
    ]


def test_marks_that_were_slept_through_count_once() -> None:
    minutes = (16, 15, 6, 5, 2, 1, 0, -5)
    marks = words(f"{list(minutes)}.map((m) => w.passed(m * w.MINUTE)).map((m) => m === Infinity ? null : m)")
    assert marks == [None, 15, 15, 5, 5, 1, 1, 1]


def test_warnings_fit_into_a_notification() -> None:
    failed = f"[{{path: 'a/{_LONG}', why: '{_LONG}'}}]"
    saved = f"{{saved: ['{_LONG}', '{_LONG}', 'c', 'd'], failed: []}}"
    none, bad = "{saved: [], failed: []}", "{saved: [], failed: [1]}"
    said = words(
        f"[w.warning(15, {_NOON}, 840000, null), w.warning(5, {_NOON}, 299000, {saved}),"
        f" w.warning(1, {_NOON}, 59000, {none}), w.warning(1, {_NOON}, 9000, {bad}),"
        f" ...{failed}.map(w.notSaved), w.idleWords({_NOON}),"
        f" ...['idle', 'time'].map((why) => w.kernelWords({{why, name: '{_LONG}', ends: {_NOON}}}))]"
    )
    assert said[0].startswith("Your server ends at 12:00, in 14 minutes. Hand in")
    assert said[0].endswith("A tab you have closed saves nothing more.")
    assert said[1].startswith("Your server ends at 12:00, in 4 minutes. Saved: xxx")
    assert said[1].endswith("x… and 2 more.")
    assert said[2] == "Your server ends in less than a minute. All that is open is saved."
    assert said[3] == "Your server ends in less than a minute."
    assert said[-2].endswith("x…: its node is given back at 12:00. Run a cell to keep it.")
    assert said[-1].endswith("x… is up at 12:00. Its variables are lost then.")
    assert [sentence for sentence in said if len(sentence) > 140] == []


@pytest.mark.parametrize(
    ("status", "ours", "known", "overdue", "verdict"),
    [
        (200, True, False, False, "up"),
        (424, False, True, False, "ended"),
        (0, False, True, False, "away"),
        (0, False, True, True, "away"),
        (503, False, True, False, "away"),
        (503, False, True, True, "ended"),
        (403, False, True, True, "away"),
        (200, False, True, True, "away"),
        (404, False, True, False, "ended"),
        (404, False, False, False, "absent"),
        (200, False, False, False, "absent"),
    ],
)
def test_a_lost_network_is_no_end(status: int, ours: bool, known: bool, overdue: bool, verdict: str) -> None:
    given = json.dumps([{"status": status, "ours": ours}, {"known": known, "overdue": overdue}])
    assert words(f"w.verdict(...{given})") == verdict


def test_why_it_ended() -> None:
    told = "{ended: 'then', sentence: 'It needed more memory than it had.', advice: 'Ask for more.'}"
    asked = "[null, {ended: null, sentence: null, advice: ''}]"
    assert words(f"w.ending({told}, {{overdue: true}})") == "It needed more memory than it had. Ask for more."
    assert words(f"{asked}.map((told) => w.ending(told, {{overdue: true}}))") == ["Its time was up."] * 2
    assert words("w.ending(null, {overdue: false, unused: true})") == "Nobody used it any more."
    assert words("w.ending(null, {overdue: false, unused: false})") == ""


def test_what_is_in_use() -> None:
    slice_ = {"name": "MIG 1g.12gb", "percent": None, "memory_bytes": None, "memory_limit_bytes": None}
    card = {"name": "H200", "percent": 81.6, "memory_bytes": 5e9, "memory_limit_bytes": 141e9}
    usage = {
        "cpu_percent": 12.4,
        "cpus": 2,
        "memory_bytes": 1_240_000_000,
        "memory_limit_bytes": 4e9,
        "gpus": [card, slice_],
    }
    told = json.dumps(usage)
    assert words(f"w.inUse({told})") == ["CPU 12 %", "1.2 GB", "GPU 82 %"]
    assert words(f"w.details({told})") == [
        "CPU: 12 % of 2 CPUs",
        "Memory: 1.2 GB of 4.0 GB",
        "H200: 82 % busy, 5.0 GB of 141.0 GB",
        "MIG 1g.12gb: use not known",
    ]
    assert words("[w.inUse(null), w.details(null), w.inUse({gpus: []})]") == [[], [], []]
