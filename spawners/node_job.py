"""What any job of ours does first on its node: reads its letter, cleans its environment, finds its address. Stdlib."""

import json
import os
import pwd
import socket
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

# What a start-up file or another Python may have left behind, and what would reach into a job step from here.
_DROPPED = ("PYTHON", "JUPYTER", "JPY_", "IPYTHON", "CONDA", "VIRTUAL_ENV", "BASH_ENV", "SLURM_EXPORT_ENV")


class NodeError(RuntimeError):
    """What the job is for cannot be started or reported; the sentence goes to the job's log."""


def take_secrets(path: Path) -> dict[str, str]:
    """Read and delete the launcher's file: {NAME: value}, of this user, which nobody else may read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, encoding="utf-8") as file:
        found = os.fstat(file.fileno())
        path.unlink()
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise NodeError(f"{path} is not a private file of this user; nothing is started.")
        secrets: dict[str, str] = json.load(file)
    return secrets


def clean_environment(job: Mapping[str, str], account: pwd.struct_passwd) -> dict[str, str]:
    """Return the job's environment without what start-up files leave, with the venv first in its PATH."""
    needed = {
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }
    kept = {name: value for name, value in job.items() if not name.startswith(_DROPPED)}
    # The job has the shell of whoever asked Slurm for it, which is not a person.
    found = {**needed, **kept, "SHELL": account.pw_shell or "/bin/sh"}
    return {**found, "PATH": f"{Path(sys.executable).parent}:{found['PATH']}", "PYTHONNOUSERSITE": "1"}


def node_address(job: Mapping[str, str]) -> str:
    """Return the IPv4 address that the hub finds under the node's name; NodeError where it has none."""
    name = job.get("SLURMD_NODENAME") or socket.gethostname()
    try:
        return socket.gethostbyname(name)
    except OSError as error:
        raise NodeError(f"this node's name, {name}, has no address: {error}. Add it to /etc/hosts.") from error
