"""The server process on a node: a free port, a start, and the certainty that what answers there is ours."""

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

ANSWER_INTERVAL = 0.05
_PROGRAM = str(Path(__file__).with_name("singleuser.py"))
# These are loaded when somebody asks for them, and of nbgrader what a learner has a use for.
_EXTENSIONS = {
    "notebooks.lab_later": True,
    "dask_labextension": False,
    "jupyter_scheduler": False,
    **{
        f"nbgrader.server_extensions.{name}": False
        for name in ("assignment_list", "course_list", "formgrader", "validate_assignment")
    },
}
_LAB = (
    # Nothing of a learner's page comes from outside the site: no news feed, no look for new versions.
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    f"--ServerApp.jpserver_extensions={_EXTENSIONS}",
    # Where language servers are looked for; to find out where else they might be, npm would be started.
    f"--LanguageServerManager.node_roots={[sys.prefix + '/lib', sys.prefix]}",
)
http = build_opener(ProxyHandler({}))


def free_port(address: str) -> int:
    """Return a port that is free now; somebody may still take it before the server does."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
    return port


def listener(address: str, port: int) -> int | None:
    """Return the uid that listens there, None where nobody does: nodes may be shared with others."""
    wanted = f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}:{port:04X}"
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if (fields[1], fields[3]) == (wanted, "0A"):
            return int(fields[7])
    return None


def start(environment: Mapping[str, str], address: str, port: int) -> subprocess.Popen[bytes]:
    """Start the single-user server; -I keeps the server from importing a `json.py` of the home folder."""
    prefix = environment["JUPYTERHUB_SERVICE_PREFIX"]
    home = Path(environment["HOME"])
    return subprocess.Popen(
        (sys.executable, "-I", _PROGRAM, *_LAB, terminals(environment["SHELL"])),
        env={**environment, "JUPYTERHUB_SERVICE_URL": f"http://{address}:{port}{prefix}"},
        cwd=home if os.access(home, os.X_OK) else "/",
        stdin=subprocess.DEVNULL,
    )


def terminals(shell: str) -> str:
    """Return the option that gives a terminal the site's login shell, and in it one that finds `onramp` first."""
    # /etc/profile of a login shell may set PATH anew.
    again = f'exec env PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH" "$SHELL"'
    settings = {"shell_command": [shell, "-l", "-c", again]}
    return f"--ServerApp.terminado_settings={settings}"


def answers(server: subprocess.Popen[bytes], address: str, port: int, path: str) -> bool:
    """Wait until the server answers at `path` (True) or has exited (False)."""
    while server.poll() is None:
        if listener(address, port) == os.getuid() and _ok(f"http://{address}:{port}{path}"):
            return True
        time.sleep(ANSWER_INTERVAL)
    return False


def _ok(url: str) -> bool:
    try:
        with http.open(url, timeout=10):
            return True
    except (OSError, ValueError):
        return False
