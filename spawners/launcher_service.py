"""The root end of the launcher's socket: check who asks, fork, become the user, run spawners.as_user.

Kept small on purpose, since it is the only part of Onramp that runs as root in the factory.
"""

import argparse
import ctypes
import grp
import json
import os
import pwd
import re
import resource
import signal
import socket
import struct
import sys
from pathlib import Path

from spawners import as_user

PROGRAM = str(Path(as_user.__file__).resolve())
AT_ONCE = 32
PATIENCE = 75  # seconds a child may take in all: as_user's own limit is 60
PR_SET_NO_NEW_PRIVS = 38


def main(argv: list[str]) -> int:
    """`serve SOCKET --allow-uid N` starts the service; without arguments this is spawners.as_user itself."""
    if not argv or argv[0] == "--commands":
        return as_user.main(argv)
    parser = argparse.ArgumentParser(prog="python -m spawners.launcher", description=__doc__)
    parser.add_argument("serve", choices=["serve"], help="run the service (as root)")
    parser.add_argument("socket", type=Path, help="where to make the Unix socket")
    parser.add_argument("--allow-uid", type=int, required=True, help="the only uid that may ask: the hub's")
    parser.add_argument("--group", required=True, help="the only people it may act for: the members of this group")
    parser.add_argument("--commands", default="/usr/bin", help="the folder of Slurm's programs")
    options = parser.parse_args(argv)
    serve(listen(options.socket, options.allow_uid), options)
    return 0


def listen(path: Path, allow_uid: int) -> socket.socket:
    """A listening socket at `path` that only `allow_uid` can open; an old one in its place is removed."""
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        server.bind(str(path))
    finally:
        os.umask(before)
    os.chown(path, allow_uid, -1)
    server.listen(128)
    return server


def serve(server: socket.socket, options: argparse.Namespace) -> None:
    """Answer for ever, one process per request; whoever is not `options.allow_uid` is hung up on."""
    running = 0
    while True:
        connection, _ = server.accept()
        with connection:
            running = _reap(running)
            if _peer_uid(connection) != options.allow_uid:
                continue
            try:
                child = os.fork()
            except OSError:  # no process to be had just now: the hub is told by the silence and may ask again
                continue
            if child == 0:
                server.close()
                _child(connection, options)
            running += 1


def _reap(running: int) -> int:
    """Bury children that ended; wait for one where too many run at once."""
    while running:
        done, _ = os.waitpid(-1, 0 if running >= AT_ONCE else os.WNOHANG)
        if not done:
            break
        running -= 1
    return running


def _peer_uid(connection: socket.socket) -> int:
    """The uid at the other end, as the kernel knows it."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", credentials)[1]
    return uid


def _child(connection: socket.socket, options: argparse.Namespace) -> None:
    """The process of one request; it never returns to the loop, whatever happens."""
    try:
        signal.alarm(PATIENCE)
        text = _read(connection)
        become(_user_in(text, options.group))
        _run(connection, text, options.commands)
    except as_user.Refused as e:
        connection.sendall(json.dumps({"error": str(e)}).encode())
    finally:
        os._exit(1)


def _read(connection: socket.socket) -> bytes:
    """The request, up to the limit."""
    text = b""
    while chunk := connection.recv(65536):
        text += chunk
        if len(text) > as_user.LIMIT:
            raise as_user.Refused(f"A request is at most {as_user.LIMIT} bytes.")
    return text


def _user_in(text: bytes, group: str) -> pwd.struct_passwd:
    """Whom the request is for: a member of `group`, never root or a system user."""
    try:
        user = json.loads(text)["user"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise as_user.Refused("A request is one JSON object with a user.") from None
    if not isinstance(user, str) or not re.fullmatch(as_user.SHAPES["user"], user, re.ASCII):
        raise as_user.Refused("'user' does not have the shape it must have.")
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise as_user.Refused(f"There is no Unix user '{user}' on this system.") from None
    if entry.pw_uid < as_user.LEAST_UID or entry.pw_gid < 1:
        raise as_user.Refused("Jobs are submitted only by people (uid 1000 and above), never by root or a system user.")
    members = grp.getgrnam(group)
    if user not in members.gr_mem and entry.pw_gid != members.gr_gid:
        raise as_user.Refused(f"'{user}' is not in the group '{group}', and nobody else is acted for here.")
    return entry


def become(entry: pwd.struct_passwd) -> None:
    """Drop to the user with no way back: groups, gid, uid; no setuid program can raise it again."""
    os.chdir("/")
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.initgroups(entry.pw_name, entry.pw_gid)
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    try:
        os.setresuid(-1, 0, -1)
    except PermissionError:
        return
    raise as_user.Refused("This process could become root again; nothing was done.")


def _run(connection: socket.socket, text: bytes, commands: str) -> None:
    """Become spawners.as_user, with the request as its stdin and the connection as its stdout."""
    request = os.memfd_create("request")
    os.write(request, text)
    os.lseek(request, 0, os.SEEK_SET)
    os.dup2(request, 0)
    os.dup2(connection.fileno(), 1)
    environment = {name: os.environ[name] for name in ("SLURM_CONF",) if name in os.environ}
    os.execve(sys.executable, [sys.executable, "-I", PROGRAM, "--commands", commands], environment)
