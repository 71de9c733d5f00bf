"""What a server's job runs on its node: start jupyterhub-singleuser, tell the hub its port once it answers.

`python -I -m spawners.node SECRETS [--safe-start]`; the standard library is all it needs besides the server.
"""

import argparse
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request

from spawners.node_folders import forget_old, server_folders
from spawners.node_job import NodeError, clean_environment, node_address, take_secrets
from spawners.node_server import answers, free_port, http, listener, start

PORT_ATTEMPTS = 5
GRACE = 3
# In the job's log, where the hub looks for it once it has heard nothing: spawners.printed.
NO_HUB = "this node cannot reach the hub yet"


def report(environment: Mapping[str, str], port: int) -> None:
    """Tell the hub the port, as soon as it answers; NodeError when it no longer waits for this server."""
    _send(
        Request(
            f"{environment['JUPYTERHUB_API_URL']}/onramp/port",
            data=json.dumps({"port": port}).encode(),
            headers={
                "Authorization": f"token {environment['JUPYTERHUB_API_TOKEN']}",
                "Content-Type": "application/json",
            },
        )
    )


def _send(request: Request) -> None:
    """Send it until the hub takes it, however long the hub is away: a job that it gives up it ends itself."""
    said = ""
    while (problem := _problem(request)) is not None:
        if problem != said:
            print(f"onramp: {problem}", file=sys.stderr)
        said = problem
        time.sleep(2)


def _problem(request: Request) -> str | None:
    """Send the request; return None if the hub took it, or why it may be sent again; NodeError if never."""
    try:
        with http.open(request, timeout=30):
            return None
    except HTTPError as error:
        if error.code < 500:
            raise NodeError(f"the hub does not wait for this server (HTTP {error.code}).") from error
        return f"the hub answers with HTTP {error.code}; trying again"
    except OSError as error:
        return f"{NO_HUB}: {error}"


def serve(environment: Mapping[str, str], address: str) -> int:
    """Start the server, on another port where its own was taken meanwhile, and return its exit code."""
    # A server asks for the hub as it starts, and ends where that is away for a minute.
    _send(Request(environment["JUPYTERHUB_API_URL"]))
    for _ in range(PORT_ATTEMPTS):
        port = free_port(address)
        server = start(environment, address, port)
        _end_with(server)
        if answers(server, address, port, f"{environment['JUPYTERHUB_SERVICE_PREFIX']}api"):
            return _report_and_wait(server, environment, port)
        if listener(address, port) is None:
            return server.wait()
        print(f"onramp: port {port} was taken by somebody else; trying another", file=sys.stderr)
    raise NodeError(f"{PORT_ATTEMPTS} free ports in a row were taken by somebody else first.")


def _end_with(server: "subprocess.Popen[bytes]") -> None:
    """Let SIGTERM reach the server once: Slurm sends it to every process, and a second one cuts a stop short."""
    signal.signal(signal.SIGALRM, lambda *_: server.terminate())
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(GRACE))


def _report_and_wait(server: "subprocess.Popen[bytes]", environment: Mapping[str, str], port: int) -> int:
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
        forget_old(folder.parent, now=time.time())
        folders = server_folders(Path(environment["HOME"]), folder, safe_start=given.safe_start)
        return serve({**environment, **folders, **secrets}, node_address(os.environ))
    except (NodeError, OSError, ValueError) as error:
        print(f"onramp: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
