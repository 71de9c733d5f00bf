"""The locked environment of a run: what was installed where it ran, as a file that pip reads."""

import hashlib
import os
import platform
import site
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import metadata
from itertools import product
from pathlib import Path

from spawners.environment import Environment
from spawners.run_record import ENVIRONMENT

# Where our wheel puts the lock file it was made from: it knows the sha256 of every file on the package index.
LOCK = Path(sys.prefix, "share/onramp/uv.lock")
# PyTorch has an index of its own for each of its builds, of which PyPI has one at most.
TORCH = ("torch", "torchvision", "torchaudio")
TORCH_INDEX = "https://download.pytorch.org/whl"
_HEAD = """\
# {python} on {system} {machine}. To have the same: pip install -r {name}
# After a package: the sha256 of the file it was installed from, where our lock file knows it.
"""


def digest(text: str) -> str:
    """The lock of an environment: the sha256 of its file."""
    return hashlib.sha256(text.encode()).hexdigest()


def locked(environment: Environment) -> Environment:
    """`environment` with its lock, where it has none yet and is the one that this process runs in."""
    here = environment.path is not None and Path(environment.path).resolve() == Path(sys.prefix).resolve()
    if environment.lock or not here:
        return environment
    return environment.model_copy(update={"lock": digest(environment_file())})


@cache
def environment_file() -> str:
    """Every package at its exact version and build, as pip reads it; what came from no index is a comment."""
    # Of two with one name Python imports the first; the second is a copy that a package carries in itself.
    packages: dict[str, metadata.Distribution] = {}
    for package in metadata.distributions(path=_path()):
        packages.setdefault(_name(package), package)
    hashes = _hashes()
    head = _HEAD.format(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=platform.system(),
        machine=platform.machine(),
        name=ENVIRONMENT,
    )
    lines = sorted({_line(package, hashes) for package in packages.values()} | _indexes(packages.values()))
    return head + "".join(f"{line}\n" for line in lines)


def _path() -> list[str]:
    """Where Python finds the environment's packages: not here, and not in a home folder, where a run does not look."""
    return [place for place in sys.path if place not in ("", os.getcwd(), site.getusersitepackages())]


def _name(package: metadata.Distribution) -> str:
    return package.metadata["Name"].casefold().replace("_", "-").replace(".", "-")


def _line(package: metadata.Distribution, hashes: Mapping[str, Sequence[Mapping[str, str]]]) -> str:
    name, version = package.metadata["Name"], package.version
    if package.read_text("direct_url.json"):
        return f"# {name}=={version} was installed from a file, not from an index"
    public, _, build = version.partition("+")
    if build and _name(package) in TORCH:
        return f"{name}=={version}"
    if build:
        return f"{name}=={public}  # here: the build {build}"
    tags = {line.removeprefix("Tag: ") for line in (package.read_text("WHEEL") or "").splitlines()}
    known = [wheel["hash"] for wheel in hashes.get(f"{_name(package)}=={version}", ()) if tags & _tags(wheel["url"])]
    return f"{name}=={version}" + (f"  # {known[0]}" if len(known) == 1 else "")


def _indexes(packages: Iterable[metadata.Distribution]) -> set[str]:
    """Where pip finds the builds of PyTorch that are here, beside PyPI."""
    builds = {package.version.partition("+")[2] for package in packages if _name(package) in TORCH}
    return {f"--extra-index-url {TORCH_INDEX}/{build}" for build in builds if build}


def _hashes() -> Mapping[str, Sequence[Mapping[str, str]]]:
    """`name==version` → the wheels there are of it, by our lock file."""
    if not LOCK.exists():
        return {}
    packages = tomllib.loads(LOCK.read_text(encoding="utf-8"))["package"]
    return {f"{one['name']}=={one['version']}": one.get("wheels", ()) for one in packages}


def _tags(url: str) -> set[str]:
    """What a wheel fits, by its name: `cp311-cp311-manylinux_2_27_x86_64`, of which a name may hold several."""
    parts = url.rpartition("/")[2].removesuffix(".whl").split("-")[-3:]
    return {"-".join(one) for one in product(*(part.split(".") for part in parts))}
