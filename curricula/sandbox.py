"""The outer walls around everything of a learner's that is run for grading: one bubblewrap command. Pure.

No network but one with itself, no home, no environment, no other process, nothing to write to that lasts. Runs as an
ordinary user.
"""

import os
import shutil
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from curricula.devices import NO_GPU, Devices
from curricula.walls import WORK

BWRAP = "bwrap"
_NOBODY = "65534"
# What programs need of the system. Whatever is not listed here does not exist inside.
_SYSTEM = ("/usr",)
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = ("/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/localtime")
# Where a GPU's libraries read what there is.
_HARDWARE = ("/sys/bus", "/sys/class", "/sys/dev", "/sys/devices", "/sys/module")
# One thread each: graders share a node, and results must not depend on how many processors it has.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Where our own modules lie inside: those that are needed there, and nothing that lies beside them.
OURS = "/onramp"
MODULES = (
    "__init__",
    "candidate",
    "examiner",
    "peer",
    "report",
    "shell",
    "stand_in",
    "walls",
    "warm_up",
    "watch",
    "wire",
    "wire_numpy",
    "wire_pandas",
    "wire_torch",
    "zygote",
)
_START = f"import sys; sys.path.insert(0, {OURS!r}); from curricula.zygote import main; sys.exit(main(sys.argv[1:]))"


def zygote(
    arguments: Sequence[str], devices: Devices = NO_GPU, *, nested: bool, prefix: Path = Path(sys.prefix)
) -> tuple[str, ...]:
    """Return the argument list that starts curricula.zygote in the sandbox, with these devices and no others.

    `nested`: it raises further walls in there, so it may make namespaces and nothing is writable until then;
    `prefix` is the Python environment, read-only.
    """
    python = (str(prefix / "bin/python"), "-I", "-c", _START)
    # bwrap is the first process inside, where its own environment can be read: it gets none.
    bwrap = ("env", "-i", shutil.which(BWRAP) or BWRAP)
    return (
        *_nobody(prefix),
        *bwrap,
        *_walls(nested),
        *_files(prefix, nested, devices.files),
        *_environment(prefix, devices.variables),
        "--",
        *python,
        *arguments,
    )


def _nobody(prefix: Path) -> Sequence[str]:
    """As root, become nobody first: limits and the kernel's settings do not hold for root, in no namespace.

    Where nobody can read our files, as below a closed home, it stays root's; grading jobs are not.
    """
    places = [place for path in (prefix, Path(__file__)) for place in (path, *path.parents)]
    if os.geteuid() != 0 or not all(place.stat().st_mode & stat.S_IROTH for place in places):
        return ()
    return ("setpriv", "--reuid", _NOBODY, "--regid", _NOBODY, "--clear-groups", "--")


def _walls(nested: bool) -> Sequence[str]:
    """Own namespaces of every kind, no capability, and an end together with the parent."""
    inside = () if nested else ("--disable-userns",)
    namespaces = ("--unshare-all", "--unshare-user", *inside, "--uid", "1000", "--gid", "1000")
    return (*namespaces, "--hostname", "sandbox", "--cap-drop", "ALL", "--die-with-parent", "--new-session")


def _files(prefix: Path, nested: bool, devices: Sequence[str]) -> Sequence[str]:
    """A root of its own: system and Python environment read-only, our modules, a work folder, and nothing else."""
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
    options += ["--ro-bind", str(Path(__file__).with_name("hosts")), "/etc/hosts"]
    options += ["--proc", "/proc", "--dev", "/dev", "--ro-bind", str(prefix), str(prefix)]
    options += _gpus(devices)
    for name in MODULES:
        options += ["--ro-bind", str(Path(__file__).with_name(f"{name}.py")), f"{OURS}/curricula/{name}.py"]
    options += ["--tmpfs", WORK, "--remount-ro", "/dev", "--remount-ro", "/"]
    # Settings of the kernel belong to uid 0, whatever namespace that is in, and bwrap leaves them writable to it. Who
    # nests walls writes to /proc to do so, and gives the learner's process one of its own that is read-only.
    return (*options, *(() if nested else ("--remount-ro", "/proc")), "--chdir", WORK)


def _gpus(devices: Sequence[str]) -> Sequence[str]:
    """These device files, and what their libraries read of the node's hardware."""
    own = [word for device in devices for word in ("--dev-bind", device, device)]
    return [*own, *(word for name in _HARDWARE if devices for word in ("--ro-bind-try", name, name))]


def _environment(prefix: Path, devices: Mapping[str, str]) -> Sequence[str]:
    """A clean environment: nothing of the job's but the names of its GPUs, and a home that is the work folder."""
    variables: Mapping[str, str] = {
        "PATH": f"{prefix}/bin:/usr/bin:/bin",
        "HOME": WORK,
        "TMPDIR": WORK,
        "IPYTHONDIR": f"{WORK}/.ipython",
        "MPLBACKEND": "agg",
        "USER": "learner",
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        **devices,
        **dict.fromkeys(_THREADS, "1"),
    }
    return ("--clearenv", *(word for name, value in variables.items() for word in ("--setenv", name, value)))
