"""Fixtures of the courses' tests."""

import os
import time
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The commands set their process's umask, which is here that of all other tests too."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def grading_looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grading job here begins within a second or two, and there is no Slurm to spare."""
    monkeypatch.setattr("curricula.workers.ASK", 0.05)


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The server's clock, where the time changes on 28 March and 31 October 2027."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
