"""What is in the wheel that learners install."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a checkout that holds a course with solutions."""
    folder = tmp_path_factory.mktemp("wheel")
    checkout = folder / "checkout"
    checkout.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "onramp.py", "uv.lock"):
        shutil.copy(REPOSITORY / name, checkout)
    for name in ("hub_config", "spawners", "curricula", "notebooks", "tests"):
        shutil.copytree(
            REPOSITORY / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
        )
    assert "BEGIN SOLUTION" in (checkout / "curricula/onboarding/source/m00/m00.ipynb").read_text()
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(build, cwd=checkout, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as file:
        yield set(file.namelist())


def test_the_four_packages_and_the_facade_are_in_it(wheel):
    assert {"onramp.py", "spawners/server.py", "notebooks/__init__.py", "hub_config/assemble.py"} <= wheel
    assert {"spawners/sites/local.yaml", "notebooks/02-your-first-gpu.ipynb"} <= wheel
    assert {"hub_config/factory/namespace.sh", "hub_config/factory/node.sh"} <= set(wheel)
    assert {"curricula/service/templates/courses.html", "curricula/service/static/course.js"} <= wheel


def test_course_sources_with_solutions_are_not(wheel):
    assert [name for name in wheel if "/source/" in name] == []


def test_tests_and_documents_are_not(wheel):
    assert [name for name in wheel if name.startswith(("tests/", "docs/", ".ci/"))] == []


def test_it_is_built_anew_for_a_file_that_is_in_it_and_not_for_bytecode(wheel):
    """`./onramp` asks uv whether it is; while a new one is put in place, what runs finds no modules."""
    keys = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["uv"]["cache-keys"]
    watched = {path for key in keys for path in REPOSITORY.glob(key["file"]) if path.is_file()}
    ours = {REPOSITORY / name for name in wheel if (REPOSITORY / name).exists()}

    assert len(ours) > 300
    assert ours <= watched
    assert list(REPOSITORY.glob("spawners/__pycache__/*.pyc"))
    assert [path for path in watched if "__pycache__" in path.parts] == []
