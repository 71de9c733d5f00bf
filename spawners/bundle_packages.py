"""Packages for a place without internet: what pip would install here, locked by sha256, then fetched."""

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement

from spawners.run_record import RunError

_PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", "--retries=2")
_CUT_OFF = " This node does not reach the packages' index: do it where there is internet, such as on a login node."
# A line of a notebook that does nothing but install packages; what is between is options and names.
INSTALLS = re.compile(r"^[ \t]*[!%][ \t]*(?:uv[ \t]+)?pip[ \t]+install\b(.*)$", re.MULTILINE)
# Options of such a line that change nothing about what is fetched.
_HARMLESS = {"-q", "-qq", "--quiet", "-U", "--upgrade", "--user", "--no-input", "--progress-bar=off"}


class Package(NamedTuple):
    """A package at its version, with the sha256 of the file that pip installs."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


def asked_for(line: str) -> list[str]:
    """The packages that an installing line names; RunError for what nobody can promise to have later."""
    words = [word.strip("\"'") for word in line.split("#")[0].split() if word not in _HARMLESS]
    return [checked(word) for word in words]


def checked(name: str) -> str:
    """A package by its name, where wanted with versions; RunError for anything else."""
    try:
        if Requirement(name).url is None:
            return name
    except InvalidRequirement:
        pass
    raise RunError(
        f"'{name}' is not a package's name, such as einops or 'einops>=0.8'. An address, a file or an option of pip "
        "cannot be locked: take it out, and give the package by its name (--package NAME)."
    )


def imported(source: str) -> list[str]:
    """The installed packages that a script's own imports come from, each at its version here."""
    known = importlib.metadata.packages_distributions()
    names = {name for module in _modules(source) for name in known.get(module, ())}
    return sorted(f"{name}=={importlib.metadata.version(name)}" for name in names)


def _modules(source: str) -> set[str]:
    """The top names of what a script imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def locked(names: Sequence[str], constraints: Path, *, whole: bool = False) -> list[Package]:
    """What pip would install beside what is here to have these, or, with `whole`, in a Python that has nothing.

    What is here keeps its version, by the file of `constraints`. RunError in pip's words where that cannot be.
    """
    if not names:
        return []
    ignore = ("--ignore-installed",) if whole else ()
    found = json.loads(_pip("install", "--dry-run", "--report=-", *ignore, f"--constraint={constraints}", *names))
    return [_package(one) for one in found["install"]]


def _package(found: dict[str, dict[str, dict[str, dict[str, str]]]]) -> Package:
    told = found["metadata"]
    hashes = found["download_info"].get("archive_info", {}).get("hashes", {})
    if "sha256" not in hashes:
        raise RunError(f"pip would not install {told['name']} from a file whose sha256 it knows, so it is not locked.")
    return Package(str(told["name"]), str(told["version"]), hashes["sha256"])


def install(requirements: Path, target: Path) -> None:
    """Install what the file locks, and nothing else, into a folder; RunError in pip's words."""
    _pip("install", "--no-deps", "--require-hashes", f"--requirement={requirements}", f"--target={target}")


def download(requirements: Path, target: Path) -> None:
    """Fetch the wheels of what the file locks; RunError in pip's words."""
    options = ("--no-deps", "--require-hashes", "--only-binary=:all:")
    _pip("download", *options, f"--requirement={requirements}", f"--dest={target}")


def indexes(environment: str) -> Iterable[str]:
    """The lines of an environment's file that say where else than on the usual index packages are."""
    return (line for line in environment.splitlines() if line.startswith("--"))


def _pip(*words: str) -> str:
    done = subprocess.run([*_PIP, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        told = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR")]
        cut_off = _CUT_OFF if "connection broken" in done.stderr else ""
        raise RunError(f"pip cannot fetch these packages: {' '.join(told) or done.stderr.strip()[-500:]}{cut_off}")
    return done.stdout
