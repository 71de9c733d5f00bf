"""The walls around one process of one notebook, within the walls of the program that forks it: namespaces of its own.

It sees no other process, has no network but one with itself, its own empty files in memory, no capability, and a short
list of system calls. Linux only, and what it needs is probed, not assumed.
"""

import ctypes
import fcntl
import os
import platform
import resource
import socket
import struct
from collections.abc import Sequence

from curricula.report import Limits

_CLONE = {
    "user": 0x10000000,
    "mount": 0x20000,
    "pid": 0x20000000,
    "ipc": 0x8000000,
    "net": 0x40000000,
    "uts": 0x4000000,
}
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 1, 2, 4, 8, 0x4000, 1 << 18
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP, _PR_SET_SECCOMP = 1, 4, 38, 24, 22
_CAPABILITY_VERSION = 0x20080522
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
# Where everything that may be written lies; each process has its own.
WORK = "/home/learner"
WRITABLE = (WORK, "/dev/shm")  # noqa: S108 - made anew, in memory, for one process
# What no notebook needs, and what walls have been broken with.
DENIED = (
    *("unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsmount"),
    *("ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "userfaultfd", "perf_event_open"),
    *("bpf", "keyctl", "add_key", "request_key", "io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("kexec_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff", "acct"),
    *("open_by_handle_at", "name_to_handle_at", "quotactl", "syslog", "vmsplice"),
)
_libc = ctypes.CDLL(None, use_errno=True)


class WallsError(OSError):
    """This machine does not let an ordinary user raise these walls."""


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise WallsError(number, f"{name}: {os.strerror(number)}")


def end_with_parent() -> None:
    """Have the kernel end this process when its parent ends."""
    _call("prctl", _PR_SET_PDEATHSIG, 9, 0, 0, 0)


def hide() -> None:
    """Let no process of the same user look into this one."""
    _call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)


def enter() -> None:
    """Go into namespaces of our own, as the same user without others; only children are in the one of processes.

    Of files, `furnish` makes one for the process that writes any.
    """
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", sum(_CLONE.values()) - _CLONE["mount"])
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")
    _start_loopback()


def _start_loopback() -> None:
    """Let the processes of one notebook speak with each other, as those of a training do: by 127.0.0.1."""
    with socket.socket() as sock:
        try:
            fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))
        except OSError as error:
            raise WallsError(error.errno, f"the loopback interface: {error.strerror}") from None


def furnish(limits: Limits) -> None:
    """Give this process, the first of its namespaces, files of its own; afterwards nothing else can be written."""
    _call("unshare", _CLONE["mount"])
    _call("mount", None, b"/", None, _MS_REC | _MS_PRIVATE, None)
    size = f"size={limits.disk_bytes},mode=0700".encode()
    for place in WRITABLE:
        _call("mount", b"tmpfs", place.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV, size)
    flags = _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    if _libc.mount(b"proc", b"/proc", b"proc", flags, None) != 0:
        _call("mount", b"tmpfs", b"/proc", b"tmpfs", flags, b"size=0,mode=0555")
    os.chdir(WORK)


def confine(limits: Limits, used: int, denied: bytes) -> None:
    """Give up every right, for good. `used` are bytes of memory in use already; `denied` is a program for seccomp."""
    caps = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits.disk_bytes,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_NPROC: limits.processes,
        resource.RLIMIT_DATA: used + limits.memory_bytes,
        resource.RLIMIT_CPU: limits.cpu_seconds + 1,
    }
    for kind, most in caps.items():
        hard = resource.getrlimit(kind)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    _call("capset", header, struct.pack("6I", *[0] * 6))
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    filter_ = struct.pack("HxxxxxxP", len(denied) // 8, ctypes.cast(ctypes.c_char_p(denied), ctypes.c_void_p).value)
    _call("prctl", _PR_SET_SECCOMP, 2, filter_, 0, 0)


def denied_calls() -> bytes:
    """Return the seccomp program that refuses DENIED, and namespaces by clone; made by libseccomp."""
    import pyseccomp

    refuse = pyseccomp.ERRNO(1)
    program = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in DENIED:
        _deny(program, refuse, name, ())
    for flag in _CLONE.values():
        _deny(program, refuse, "clone", (pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag),))
    _deny(program, pyseccomp.ERRNO(38), "clone3", ())  # its flags cannot be read; libraries then use clone
    with os.fdopen(os.memfd_create("seccomp"), "w+b") as file:
        program.export_bpf(file)
        file.seek(0)
        return file.read()


def _deny(program: object, action: object, name: str, arguments: Sequence[object]) -> None:
    try:
        program.add_rule(action, name, *arguments)  # type: ignore[attr-defined]
    except (ValueError, OSError):
        if platform.machine() == "x86_64" and name in ("clone", "clone3", "unshare", "ptrace"):
            raise


def _write(path: str, text: str) -> None:
    try:
        file = os.open(path, os.O_WRONLY)
        os.write(file, text.encode())
        os.close(file)
    except OSError as error:
        raise WallsError(error.errno, f"{path}: {error.strerror}") from None


def close_all_but(*kept: socket.socket) -> None:
    """Close every descriptor that this process was born with, but for the standard ones and these sockets."""
    last = 2
    for one in sorted([*map(socket.socket.fileno, kept), 4096]):
        os.closerange(last + 1, one)
        last = one
