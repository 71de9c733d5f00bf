"""Peers of our hub, run inside a factory from stock/: stock JupyterHub + batchspawner, and jupyterhub_moss."""

import contextlib
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hub_config.cli.terminal import REPOSITORY
from tests.bench.factory import Factory
from tests.bench.hub import Hub, HubError, answers, until

CONFIGS = Path(__file__).with_name("stock")
PORT, MOSS_PORT = 8090, 8093
MOSS = "jupyterhub-moss==10.1.0"
ADMIN = "teacher1"


@dataclass(frozen=True)
class StockHub:
    """Where it is, the password of everybody there, but for the admin's prefix, and its log."""

    url: str
    password: str
    log: Path

    def hub(self, user: str) -> Hub:
        """Return it, signed in as one of the factory's people."""
        hub = Hub(self.url)
        hub.sign_in(user, password=f"admin-{self.password}" if user == ADMIN else self.password)
        return hub


def stock_hub(factory: Factory) -> contextlib.AbstractContextManager[StockHub]:
    """Run stock batchspawner in the factory, with which it ends."""
    return _hub(factory, "stock", "jupyterhub_config.py", PORT)


@contextlib.contextmanager
def moss_hub(factory: Factory) -> Iterator[StockHub]:
    """Run jupyterhub_moss there; it is installed for this run, beside what the hub's own environment has."""
    folder = factory.state.folder / "srv/onramp/moss"
    uv = (str(REPOSITORY / ".tools/uv/bin/uv"), "pip", "install", "--quiet", "--no-deps")
    python = ("--python", str(REPOSITORY / ".venv/bin/python"), "--target", str(folder / "packages"))
    subprocess.run([*uv, *python, MOSS], check=True)
    with _hub(factory, "moss", "moss_config.py", MOSS_PORT) as hub:
        yield hub


@contextlib.contextmanager
def _hub(factory: Factory, name: str, config: str, port: int) -> Iterator[StockHub]:
    """Run one. Raises HubError with its log where it does not come up."""
    folder = factory.state.folder / f"srv/onramp/{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for file in CONFIGS.glob("*_config.py"):
        shutil.copy(file, folder)
    ip, password = factory.control, secrets.token_urlsafe(24)
    (folder / "password").write_text(password)
    log = factory.state.logs / f"bench-{name}.log"
    inside = f"/srv/onramp/{name}"
    environment = ("env", f"--chdir={inside}", f"STOCK_IP={ip}", f"PYTHONPATH={inside}/packages")
    process = factory.begin(*environment, "jupyterhub", "-f", config, log=log)
    stock = StockHub(f"http://{ip}:{port}", password, log)
    try:
        until(lambda: process.poll() is not None or answers(f"{stock.url}/hub/health"), f"the hub {name}")
        if process.poll() is not None:
            raise HubError(f"the hub {name} ended:\n{log.read_text()}")
        yield stock
    finally:
        process.terminate()
        process.wait()
