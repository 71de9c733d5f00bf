"""What a job printed last: plain text whatever it was, and the few things in it that tell why."""

import unicodedata

import pytest

from spawners.ending import Cause, Ending
from spawners.node import NO_HUB
from spawners.printed import LINES, WIDTH, explained, last_lines

FAILED = Ending(cause="failed", sentence="Its program ended with exit code 1.", advice="The job's log says more.")


def test_the_last_lines_that_say_something() -> None:
    text = "\n\n".join(f"line {number}" for number in range(100))
    assert last_lines(text) == tuple(f"line {number}" for number in range(100 - LINES, 100))
    assert last_lines("") == last_lines("\n \n\r\n\t\n") == ()
    assert len(last_lines("x" * 4096)[0]) == WIDTH


def test_nothing_in_it_acts_on_whoever_reads_it(hostile: str) -> None:
    for text in (hostile, f"a{hostile}b", "\x1b[31mred\x1b[0m \x1b]0;title\x07\x00\x08", "a\u202eb\u2066c\ufeff"):
        for line in last_lines(text):
            assert not [sign for sign in line if unicodedata.category(sign)[0] == "C"]


def test_colours_go_and_words_stay() -> None:
    assert last_lines("\x1b[1;31mError\x1b[0m:\tgone\r\n\x1b]0;title\x07done") == ("Error:  gone", "done")


@pytest.mark.parametrize(
    ("line", "came_up", "cause"),
    [
        ("slurmstepd: error: Job 42 exceeded memory limit (2048000 > 2000000), being killed", True, "memory"),
        ("slurmstepd: error: Detected 1 oom-kill event(s) in StepId=42.batch", True, "memory"),
        ("OSError: [Errno 28] No space left on device", True, "disk"),
        ("OSError: [Errno 122] Disk quota exceeded: '/home/alice/.jupyter'", False, "disk"),
        ("/bin/sh: 12: exec: /srv/venv/bin/python: not found", False, "environment"),
        ("/srv/venv/bin/python: No such file or directory", False, "environment"),
        ("ModuleNotFoundError: No module named 'jupyterhub'", False, "environment"),
        ("ImportError: cannot import name 'x' from 'y'", False, "environment"),
        ("[C ServerApp] Bad config encountered during initialization: No such directory: '/x'", False, "settings"),
        ("OSError: [Errno 98] Address already in use", False, "address"),
        (f"onramp: {NO_HUB}: <urlopen error timed out>", False, "unreachable"),
        # Once the server answered, such lines come from notebooks as well.
        ("ModuleNotFoundError: No module named 'torch'", True, "failed"),
        ("OSError: [Errno 98] Address already in use", True, "failed"),
        ("everything is fine", False, "failed"),
    ],
)
def test_what_a_line_tells(line: str, came_up: bool, cause: Cause) -> None:
    found = explained(FAILED, f"before\n{line}\nafter\n", came_up=came_up)
    assert found.cause == cause
    assert found.printed == ("before", line, "after")


def test_memory_is_told_before_what_follows_from_it() -> None:
    text = "ModuleNotFoundError: x\nJob 42 exceeded memory limit\nNo space left on device"
    assert explained(FAILED, text, came_up=False).cause == "memory"


def test_a_job_that_printed_nothing() -> None:
    assert explained(FAILED, "", came_up=False) == FAILED


def test_a_cancellation_is_one_unless_it_was_for_memory() -> None:
    cancelled = Ending(cause="cancelled", sentence="It was cancelled.")
    assert explained(cancelled, "ImportError: x", came_up=False) == cancelled
    assert explained(cancelled, "Job 42 exceeded memory limit", came_up=False).cause == "memory"
