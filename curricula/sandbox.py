"""The walls around a learner's code while it is graded: one bubblewrap command. Pure.

No network, no home, no environment, no other process, nothing writable but one folder. Runs as an ordinary user.
"""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

BWRAP = "bwrap"
# What programs need of the system. Whatever is not listed here does not exist inside.
_SYSTEM = ("/usr",)
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = ("/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/localtime")
# Of each process: bytes of a file it writes, open files. Of all of them: how many there are.
LIMITS: Mapping[str, int] = {"core": 0, "fsize": 64 << 20, "nofile": 1024, "nproc": 256}
# One thread each: graders share a node, and results must not depend on how many processors it has.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def sandboxed(command: Sequence[str], work: Path, *, memory: int, prefix: Path = Path(sys.prefix)) -> tuple[str, ...]:
    """Return the argument list that runs `command` in the sandbox.

    `work` is its one writable folder, under the same name inside; `memory` is in bytes, of each process;
    `prefix` is the Python environment, read-only.
    """
    caps = tuple(f"--{name}={limit}" for name, limit in {**LIMITS, "data": memory}.items())
    # bwrap is the first process inside, where its own environment can be read: it gets none.
    bwrap = ("env", "-i", shutil.which(BWRAP) or BWRAP)
    return (*bwrap, *_walls(), *_files(prefix, work), *_environment(prefix, work), "prlimit", *caps, "--", *command)


def _walls() -> Sequence[str]:
    """Own namespaces of every kind, none to be made inside, no capability, and an end together with the parent."""
    namespaces = ("--unshare-all", "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000")
    return (*namespaces, "--hostname", "sandbox", "--cap-drop", "ALL", "--die-with-parent", "--new-session")


def _files(prefix: Path, work: Path) -> Sequence[str]:
    """A root of its own: system and Python environment read-only, `work` writable, and nothing else."""
    options: list[str] = []
    for name in _SYSTEM:
        options += ["--ro-bind", name, name]
    for name in _LINKS:
        if Path("/", name).is_symlink():
            options += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
        elif Path("/", name).exists():
            options += ["--ro-bind", f"/{name}", f"/{name}"]
    for name in _ETC:
        options += ["--ro-bind-try", name, name]
    options += ["--proc", "/proc", "--dev", "/dev", "--ro-bind", str(prefix), str(prefix)]
    # Settings of the kernel belong to uid 0, whatever namespace that is in, and bwrap leaves them writable to it.
    return (
        *options,
        "--bind",
        str(work),
        str(work),
        "--remount-ro",
        "/",
        "--remount-ro",
        "/proc",
        "--chdir",
        str(work),
    )


def _environment(prefix: Path, work: Path) -> Sequence[str]:
    """A clean environment: nothing of the job's, and a home that is the work folder."""
    variables = {
        "PATH": f"{prefix}/bin:/usr/bin:/bin",
        "HOME": str(work),
        "TMPDIR": str(work),
        "IPYTHONDIR": f"{work}/.ipython",
        "USER": "learner",
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        **dict.fromkeys(_THREADS, "1"),
    }
    return ("--clearenv", *(word for name, value in variables.items() for word in ("--setenv", name, value)))
