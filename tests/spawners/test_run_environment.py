"""The locked environment: every package at its version, with the file it came from; the same wherever it is asked."""

import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from spawners import run_environment
from spawners.environment import Environment
from spawners.run_environment import environment_file, locked

ROOT = Path(__file__).parents[2]
PACKAGE = re.compile(r"[\w.-]+==[\w.!]+(\+\w+)?(  # (here: the build \S+|sha256:[0-9a-f]{64}))?")


@pytest.fixture(autouse=True)
def lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock file of this checkout, which an installed wheel brings along."""
    monkeypatch.setattr(run_environment, "LOCK", ROOT / "uv.lock")
    environment_file.cache_clear()


def pinned() -> list[str]:
    return [line for line in environment_file().splitlines() if not line.startswith(("#", "--"))]


def test_it_is_what_pip_reads() -> None:
    head = environment_file().splitlines()[0]
    machine = re.escape(os.uname().machine)
    assert re.match(rf"# CPython {sys.version_info.major}\.{sys.version_info.minor}\.\d+ on Linux {machine}\.", head)
    assert all(PACKAGE.fullmatch(line) for line in pinned())
    assert len({line.partition("==")[0].casefold() for line in pinned()}) == len(pinned())


def test_a_package_of_the_lock_file_has_the_hash_of_its_wheel_for_this_machine() -> None:
    (line,) = (line for line in pinned() if line.startswith("papermill=="))
    digest = line.rpartition("sha256:")[2]
    (found,) = (line for line in (ROOT / "uv.lock").read_text().splitlines() if digest in line)
    assert "/papermill-" in found
    assert "-py3-none-any.whl" in found
    assert sum("sha256:" in line for line in pinned()) > len(pinned()) / 2


def test_without_a_lock_file_it_names_versions_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_environment, "LOCK", tmp_path / "none")
    assert "sha256:" not in "".join(pinned())
    assert any(line.startswith("papermill==") for line in pinned())


def put(folder: Path, name: str, version: str) -> None:
    """Install a package of which nothing but its name is there."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_a_build_of_pytorch_is_named_with_the_index_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that pip installs that very build; of another package no index is known."""
    put(tmp_path / "lib", "torch", "2.13.0+cpu")
    put(tmp_path / "lib", "other", "1.0+mine")
    monkeypatch.setattr(run_environment, "_path", lambda: [str(tmp_path / "lib")])

    assert [line for line in environment_file().splitlines() if not line.startswith("#")] == [
        "--extra-index-url https://download.pytorch.org/whl/cpu",
        "other==1.0  # here: the build mine",
        "torch==2.13.0+cpu",
    ]


def test_packages_in_a_home_folder_or_here_are_not_the_environments(tmp_path: Path) -> None:
    """A run does not look there, so promoting and running find the same."""
    info = tmp_path / "lib/mine-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    say = "from spawners.run_environment import environment_file; print('mine==1.0' in environment_file())"
    program = f"import site, sys; sys.path[:0] = [{str(ROOT)!r}, {str(info.parent)!r}]; PLACE; {say}"
    for place, expected in (
        ("pass", "True"),
        (f"site.getusersitepackages = lambda: {str(info.parent)!r}", "False"),
        (f"import os; os.chdir({str(info.parent)!r})", "False"),
    ):
        command = [sys.executable, "-I", "-c", program.replace("PLACE", place)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == expected


def test_an_environment_gets_its_lock_where_it_runs_and_keeps_one_that_its_site_gave() -> None:
    here = Environment(name="here", kind="venv", path=sys.prefix, arch="x86_64")
    assert locked(here).lock == sha256(environment_file().encode()).hexdigest()
    given = here.model_copy(update={"lock": "0" * 64})
    assert locked(given) is given
    elsewhere = Environment(name="there", kind="venv", path="/elsewhere", arch="aarch64")
    assert locked(elsewhere) is elsewhere
    modules = Environment(name="modules", kind="module", modules=("pytorch",), arch="x86_64")
    assert locked(modules) is modules
