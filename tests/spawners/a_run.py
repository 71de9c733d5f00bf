"""Notebooks and a fake Slurm for the tests of runs."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spawners import run_record as files
from spawners.request import parse_request, resolve
from spawners.run_record import Submitted
from spawners.site import Site
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.spawners.test_slurm import DirectLauncher

PARAMETERS = "epochs = 3\nrate: float = 0.1\n"


def on_a_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be on a server of the local site, whose person has this home folder."""
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("ONRAMP_SITE", "local")
    monkeypatch.delenv(files.INSIDE, raising=False)
    return home


def cell(source: str, *tags: str) -> dict[str, Any]:
    """A code cell as nbformat stores it."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"c{abs(hash(source))}",
        "metadata": {"tags": list(tags)},
        "outputs": [],
        "source": source.splitlines(keepends=True),
    }


def notebook(path: Path, sources: Sequence[str], *, parameters: str | None = PARAMETERS, language: str = "") -> Path:
    """Write a notebook of code cells, the parameters cell first."""
    cells = [cell(parameters, "parameters")] if parameters is not None else []
    metadata = {"kernelspec": {"name": "mine", "display_name": "Mine", "language": language}} if language else {}
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells + [cell(s) for s in sources]}
    path.write_text(json.dumps(content))
    return path


def submitted(site: Site, path: Path, cwd: Path, at: datetime | None = None, **asked: int) -> Submitted:
    """What run.json says of what was sent off with a GPU and whatever else was asked for; now, unless `at` is told."""
    return Submitted(
        notebook=str(path),
        sha256="0" * 64,
        cwd=str(cwd),
        site="local",
        profile="gpu-1",
        resources=resolve(parse_request({"profile": "gpu-1", **asked}, site, purpose="run"), site),
        at=at or datetime.now(UTC),
    )


def client(fake: FakeSlurm) -> Slurm:
    """Slurm's client over the fake."""
    return Slurm(DirectLauncher(fake), bin=str(fake.bin))
