"""The process of one kernel on its node: started, found, signalled. It is there before anything slow is loaded."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")


class KernelProcess:
    """One kernel: the how manieth of its job it is, and whether the server had it signalled."""

    def __init__(self, number: int, address: str, first: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        """Start it where `first` says, {"cwd", "connection"}; it takes free ports at `address` of its own choice.

        It writes them into its connection file, which lies in its JUPYTER_RUNTIME_DIR.
        """
        self.number, self.address, self.signalled = number, address, False
        self._file = Path(environ["JUPYTER_RUNTIME_DIR"], f"kernel-{number}.json")
        self._file.touch(mode=0o600)
        self._file.write_text(json.dumps({**first["connection"], "ip": address, **dict.fromkeys(PORTS, 0)}))
        self._process = subprocess.Popen(
            (sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", str(self._file)),
            stdin=subprocess.DEVNULL,
            cwd=first["cwd"] if os.access(first["cwd"], os.X_OK) else "/",
            env=dict(environ),
            start_new_session=True,
        )

    def ports(self) -> dict[str, int] | None:
        """The ports that it has taken; None before it says so."""
        with contextlib.suppress(ValueError, OSError):  # it is being written
            found = json.loads(self._file.read_text())
            if all(found[name] for name in PORTS):
                return {name: found[name] for name in PORTS}
        return None

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait(self) -> int:
        """Wait until it ends; its exit code."""
        code = self._process.wait()
        self._file.unlink(missing_ok=True)
        return code

    def signal(self, number: int) -> None:
        """Signal it and what it has started; one that has ended needs none."""
        self.signalled = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def address_towards(host: str, port: int) -> str:
    """The address of this node by which `host` reaches it; OSError where there is no way there. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect((host, port))
        return str(one.getsockname()[0])
