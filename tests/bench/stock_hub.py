"""The peer of our hub: stock JupyterHub + batchspawner, run inside a factory from stock/jupyterhub_config.py."""

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.factory import Factory
from tests.bench.hub import Hub, HubError, answers, until

CONFIG = Path(__file__).with_name("stock") / "jupyterhub_config.py"
PORT = 8090
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


@contextlib.contextmanager
def stock_hub(factory: Factory) -> Iterator[StockHub]:
    """Run it in the factory, with which it ends. Raises HubError with its log where it does not come up."""
    folder = factory.state.folder / "srv/onramp/stock"
    folder.mkdir(mode=0o700)
    shutil.copy(CONFIG, folder)
    ip, password = factory.control, secrets.token_urlsafe(24)
    (folder / "password").write_text(password)
    log = factory.state.logs / "bench-stock.log"
    command = ("env", "--chdir=/srv/onramp/stock", f"STOCK_IP={ip}", "jupyterhub", "-f", CONFIG.name)
    process = factory.begin(*command, log=log)
    stock = StockHub(f"http://{ip}:{PORT}", password, log)
    try:
        until(lambda: process.poll() is not None or answers(f"{stock.url}/hub/health"), "the stock hub")
        if process.poll() is not None:
            raise HubError(f"the stock hub ended:\n{log.read_text()}")
        yield stock
    finally:
        process.terminate()
        process.wait()
