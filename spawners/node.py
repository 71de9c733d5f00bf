"""What a server's job runs on its node: start jupyterhub-singleuser, and tell the hub its port once it answers.

`python -I -m spawners.node SECRETS [--safe-start]`; the standard library is all it needs besides the server.
"""

import argparse
import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from spawners.node_folders import server_folders

# jupyterhub-singleuser gives up by itself when it cannot reach the hub: no limit is needed on slow file systems.
ANSWER_INTERVAL = 0.2
REPORT_SECONDS = 600
PORT_ATTEMPTS = 5
# What a start-up file or another Python may have left behind, and what would reach into a job step from here.
_DROPPED = ("PYTHON", "JUPYTER", "JPY_", "IPYTHON", "CONDA", "VIRTUAL_ENV", "BASH_ENV", "SLURM_EXPORT_ENV")
_http = build_opener(ProxyHandler({}))


class NodeError(RuntimeError):
    """The server cannot be started or reported; the sentence goes to the job's log."""


def take_secrets(path: Path) -> dict[str, str]:
    """Read and delete the launcher's file: {NAME: value}, a regular file of this user that nobody else may read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, encoding="utf-8") as file:
        found = os.fstat(file.fileno())
        path.unlink()
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise NodeError(f"{path} is not a private file of this user; the server is not started.")
        secrets: dict[str, str] = json.load(file)
    return secrets


def clean_environment(job: Mapping[str, str], account: pwd.struct_passwd) -> dict[str, str]:
    """Return the job's environment without what start-up files leave, with HOME, USER and the venv's PATH set."""
    kept = {name: value for name, value in job.items() if not name.startswith(_DROPPED)}
    system = kept.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    return {
        "LANG": "C.UTF-8",
        **kept,
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
        "SHELL": account.pw_shell or "/bin/sh",
        "PATH": f"{Path(sys.executable).parent}:{system}",
        "PYTHONNOUSERSITE": "1",
    }


def node_address(job: Mapping[str, str]) -> str:
    """Return the IPv4 address that the hub will find under the node's name."""
    name = job.get("SLURMD_NODENAME") or socket.gethostname()
    try:
        return socket.gethostbyname(name)
    except OSError as error:
        raise NodeError(
            f"the name of this node, {name}, has no address: {error}. Add it to DNS or /etc/hosts."
        ) from error


def free_port(address: str) -> int:
    """Return a port that is free now; somebody may still take it before the server does."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
    return port


def listener(address: str, port: int) -> int | None:
    """Return the uid that listens there, None where nobody does: on a node shared with others, it must be ours."""
    wanted = f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}:{port:04X}"
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if (fields[1], fields[3]) == (wanted, "0A"):
            return int(fields[7])
    return None


def start(environment: Mapping[str, str], address: str, port: int) -> subprocess.Popen[bytes]:
    """Start jupyterhub-singleuser; -I keeps a `json.py` in the home folder from being imported by the server."""
    prefix = environment["JUPYTERHUB_SERVICE_PREFIX"]
    home = Path(environment["HOME"])
    return subprocess.Popen(
        (sys.executable, "-I", "-m", "jupyterhub.singleuser"),
        env={**environment, "JUPYTERHUB_SERVICE_URL": f"http://{address}:{port}{prefix}"},
        cwd=home if os.access(home, os.X_OK) else "/",
        stdin=subprocess.DEVNULL,
    )


def answers(server: subprocess.Popen[bytes], url: str) -> bool:
    """Wait until the server answers at `url` (True) or has exited (False)."""
    parts = urlsplit(url)
    while server.poll() is None:
        if listener(str(parts.hostname), int(parts.port or 0)) == os.getuid() and _ok(url):
            return True
        time.sleep(ANSWER_INTERVAL)
    return False


def _ok(url: str) -> bool:
    try:
        with _http.open(url, timeout=10):
            return True
    except (OSError, ValueError):
        return False


def report(environment: Mapping[str, str], port: int) -> None:
    """Tell the hub the port; NodeError when the hub no longer waits for this server."""
    request = Request(
        f"{environment['JUPYTERHUB_API_URL']}/onramp/port",
        data=json.dumps({"port": port}).encode(),
        headers={
            "Authorization": f"token {environment['JUPYTERHUB_API_TOKEN']}",
            "Content-Type": "application/json",
        },
    )
    deadline = time.monotonic() + REPORT_SECONDS
    while (problem := _refusal(request)) is not None:
        if time.monotonic() > deadline:
            raise NodeError(f"the hub could not be told the port within {REPORT_SECONDS} s: {problem}")
        time.sleep(2)


def _refusal(request: Request) -> str | None:
    """Send the request; return None if the hub took it, why it may be sent again, or raise if it may not."""
    try:
        with _http.open(request, timeout=30):
            return None
    except HTTPError as error:
        if error.code < 500:
            raise NodeError(
                f"the hub does not wait for this server (HTTP {error.code}); it is stopped."
            ) from error
        return f"HTTP {error.code}"
    except (URLError, OSError) as error:
        return str(error)


def serve(environment: Mapping[str, str], address: str) -> int:
    """Start the server, on another port where its own was taken meanwhile, report it; return its exit code."""
    for _ in range(PORT_ATTEMPTS):
        port = free_port(address)
        server = start(environment, address, port)
        signal.signal(signal.SIGTERM, lambda *_, server=server: server.terminate())
        if answers(server, f"http://{address}:{port}{environment['JUPYTERHUB_SERVICE_PREFIX']}api"):
            return _report_and_wait(server, environment, port)
        if listener(address, port) is None:
            return server.wait()
        print(f"port {port} was taken by somebody else; trying another", file=sys.stderr)
    raise NodeError(
        f"{PORT_ATTEMPTS} free ports in a row were taken by somebody else before the server could."
    )


def _report_and_wait(server: subprocess.Popen[bytes], environment: Mapping[str, str], port: int) -> int:
    try:
        report(environment, port)
        return server.wait()
    finally:
        server.terminate()
        server.wait()


def main(argv: Sequence[str] | None = None) -> int:
    """Run a server's job; exit with the server's code, or 1 and a sentence."""
    parser = argparse.ArgumentParser(prog="spawners.node", description=__doc__)
    parser.add_argument("secrets", type=Path, help="the launcher's 0600 file; it is read once and deleted")
    parser.add_argument("--safe-start", action="store_true", help="use no setting from the home folder")
    given = parser.parse_args(argv)
    folder = given.secrets.with_suffix("")
    try:
        secrets = take_secrets(given.secrets)
        environment = clean_environment(os.environ, pwd.getpwuid(os.getuid()))
        environment |= (
            server_folders(Path(environment["HOME"]), folder, safe_start=given.safe_start) | secrets
        )
        return serve(environment, node_address(os.environ))
    except (NodeError, OSError, ValueError) as error:
        print(f"onramp: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
