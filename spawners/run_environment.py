"""The locked environment of a run: what was installed where it ran, as a file that pip reads."""

import sys
from importlib import metadata

from spawners.run_record import ENVIRONMENT


def environment_file() -> str:
    """Every package at its exact version, as pip reads it; what came from no index is a comment."""
    # Of two with one name Python imports the first; the second is a copy that a package carries in itself.
    packages: dict[str, metadata.Distribution] = {}
    for package in metadata.distributions():
        packages.setdefault(package.metadata["Name"].casefold().replace("_", "-"), package)
    lines = {_line(package) for package in packages.values()}
    version = ".".join(map(str, sys.version_info[:3]))
    return "\n".join([f"# Python {version}. To have the same: pip install -r {ENVIRONMENT}", *sorted(lines), ""])


def _line(package: metadata.Distribution) -> str:
    name, version = package.metadata["Name"], package.version
    if package.read_text("direct_url.json"):
        return f"# {name}=={version} was installed from a file, not from an index"
    if "+" in version:
        public, _, build = version.partition("+")
        return f"{name}=={public}  # here: the build {build}"
    return f"{name}=={version}"
