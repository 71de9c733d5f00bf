"""Can this machine hold a factory? One check per thing it needs, each with its fix."""

import getpass
import os
import platform
import socket
import stat
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub_config.factory.plan import EMULATED, find_gpus
from hub_config.factory.site_slurm import cluster
from spawners.site import load_site

_REPOSITORY = Path(__file__).resolve().parents[2]
_SUBIDS = 65536


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was found, and what to do where it will not do."""

    name: str
    ok: bool
    found: str
    fix: str = ""


def checks(port: int) -> Iterable[Check]:
    """Look at everything `up` needs, for this user and this port."""
    yield _system()
    yield _interpreter()
    yield _packages()
    if os.geteuid() != 0:
        yield _uidmap()
        yield from (_subids(file) for file in ("/etc/subuid", "/etc/subgid"))
    yield _namespaces()
    yield _overlay()
    yield _port(port)
    yield gpus(find_gpus())
    yield _channel()


def _system() -> Check:
    release = platform.freedesktop_os_release()
    name = release.get("PRETTY_NAME", "an unknown system")
    tested = (release.get("ID"), release.get("VERSION_ID")) == ("debian", "12")
    return Check("system", ok=True, found=name if tested else f"{name}: only Debian 12 is tested")


def _interpreter() -> Check:
    """The accounts of the factory run the interpreter below .venv, so it may not lie in somebody's closed home."""
    link = _REPOSITORY / ".venv/bin/python"
    python = link.resolve()
    open_to_all = all(parent.stat().st_mode & stat.S_IXOTH for parent in python.parents)
    ok = python.is_relative_to("/usr") and open_to_all
    fix = "Delete .venv and run ./onramp again with Debian's python3: apt-get install python3"
    return Check("interpreter", ok, f"{link} runs {python}" + ("" if ok else ", which other accounts cannot"), fix)


def _packages() -> Check:
    programs = ("sbin/slurmctld", "sbin/slurmd", "sbin/slurmdbd", "sbin/munged", "sbin/mariadbd", "bin/sbatch")
    folder = _REPOSITORY / ".tools/debian/usr"
    missing = [name for name in programs if not (folder / name).exists() and not Path("/usr", name).exists()]
    found = f"not found: {', '.join(missing)}" if missing else f"Slurm, munge and MariaDB below {folder}"
    return Check("packages", not missing, found, "Delete .tools and run ./onramp up again")


def _uidmap() -> Check:
    ok = os.access("/usr/bin/newuidmap", os.X_OK)
    return Check("uidmap", ok, f"newuidmap is {'there' if ok else 'missing'}", "As root, once: apt-get install uidmap")


def _subids(file: str) -> Check:
    """An account needs 65,536 ids of its own: the people and services of the factory are numbered in them."""
    user, uid = getpass.getuser(), str(os.getuid())
    try:
        lines = [line.split(":") for line in Path(file).read_text().splitlines() if line.count(":") == 2]
    except FileNotFoundError:
        lines = []
    count = max((int(size) for name, _, size in lines if name in (user, uid)), default=0)
    fix = f"As root, once: usermod --add-subuids 200000-265535 --add-subgids 200000-265535 {user}"
    return Check(Path(file).name, count >= _SUBIDS, f"{file} gives {user} {count} of {_SUBIDS} ids", fix)


def _namespaces() -> Check:
    from hub_config.factory.namespace import unshare

    error = _error(*unshare(), "true")
    return Check("namespaces", not error, error or "can be made", _namespace_fix())


def _namespace_fix() -> str:
    apparmor = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    if apparmor.exists() and apparmor.read_text().strip() == "1":
        return (
            "Ubuntu 24.04 forbids user namespaces through AppArmor. As root: "
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
        )
    clone = Path("/proc/sys/kernel/unprivileged_userns_clone")
    if clone.exists() and clone.read_text().strip() == "0":
        return "As root: sysctl -w kernel.unprivileged_userns_clone=1"
    return (
        "In a container: run it with the rights to make namespaces. Elsewhere, as root: sysctl user.max_user_namespaces"
    )


def _overlay() -> Check:
    """The unpacked packages are laid over /usr; some kernels need a module for it, some file systems refuse."""
    from hub_config.factory.namespace import unshare

    folder = _REPOSITORY / ".tools/debian/usr"
    error = _error(*unshare(), "mount", "-t", "overlay", "-o", f"ro,lowerdir={folder}:/usr", "overlay", "/usr")
    return Check("overlay", not error, error or "packages can be laid over /usr", "As root: modprobe overlay")


def _port(port: int) -> Check:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return Check("port", False, f"port {port}: {error.strerror}", f"./onramp up --port {port + 1}")
    return Check("port", True, f"port {port} is free")


def gpus(real: Sequence[str]) -> Check:
    """No GPU is needed: those that are missing are emulated, and who runs a factory should know which."""
    gpus = [gpu for node in cluster(load_site("local"), "local", real).nodes for gpu in node.gpus]
    used = [gpu for gpu in gpus if not gpu.startswith(EMULATED)]
    found = f"this machine's {', '.join(used)}" if used else "this machine has none"
    return Check("GPUs", ok=True, found=f"{found}; {len(gpus) - len(used)} of the nodes' {len(gpus)} are emulated")


def _channel() -> Check:
    """Nothing to mend here, and on a site something to know."""
    found = "hub and nodes speak plain HTTP, here on loopback alone; on a site, keep it on a private network"
    return Check("channel", ok=True, found=found)


def _error(*command: str) -> str:
    """Return what a command says when it fails, nothing when it succeeds."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stderr.strip() or f"{command[0]} ended with {done.returncode}") if done.returncode else ""
