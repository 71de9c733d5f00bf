"""A real Jupyter Server with our extensions, run from this checkout."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.hub_config.running_hub import wait
from tests.ports import free_port

CHECKOUT = Path(__file__).parents[2]
CONFIGURATION = CHECKOUT / "notebooks/lab/jupyter_server_config.py"
KEY = "a-key-of-the-test"


@contextmanager
def jupyter(folder: Path, base: str = "/", **environment: str) -> Iterator[httpx.Client]:
    """A Jupyter Server as we configure it, with our extensions, and somebody who knows its key."""
    port = free_port()
    ours = ("notebooks.lab_kernels", "notebooks.lab_later", "notebooks.lab_server")
    extensions = dict.fromkeys((*ours, "jupyter_server_terminals"), True)
    options = (
        f"--port={port}",
        "--port-retries=0",
        "--no-browser",
        "--allow-root",
        f"--IdentityProvider.token={KEY}",
        f"--ServerApp.base_url={base}",
        f"--config={CONFIGURATION}",
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "JPY"))}
    homes = {"HOME": str(folder), "JUPYTER_NO_CONFIG": "1", "PYTHONPATH": str(CHECKOUT)}
    log = folder / "log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            (sys.executable, "-m", "jupyter_server", *options, f"--ServerApp.jpserver_extensions={extensions}"),
            env={**clean, **homes, **environment},
            cwd=folder,
            stdout=file,
            stderr=file,
        )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}{base}", headers={"Authorization": f"token {KEY}"}) as client:
        try:
            wait(lambda: _answers(client), log.read_text)
            yield client
        finally:
            server.terminate()
            server.wait(20)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("api").status_code == 200
    except httpx.HTTPError:
        return False
