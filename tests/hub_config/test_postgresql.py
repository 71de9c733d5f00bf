"""A hub on PostgreSQL: what it notes outlives it there as well."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from tests.hub_config.running_hub import CHECKOUT, as_ordinary, started, wait

# Debian's package, installed or unpacked.
PREFIXES = (Path("/"), Path(os.environ.get("ONRAMP_TOOLS", CHECKOUT / ".tools"), "debian"))


@pytest.fixture
def db_url() -> Iterator[str]:
    """A new, empty database of the hub's user, reached over a socket of its own."""
    found = [path for prefix in PREFIXES for path in prefix.glob("usr/lib/postgresql/*/bin")]
    if not found:
        pytest.skip("Debian's postgresql-15 is neither installed nor in .tools: run ./onramp test")
    programs = found[0]
    libraries = programs.parents[3] / "lib/x86_64-linux-gnu"
    common: dict[str, Any] = {"env": {"LD_LIBRARY_PATH": str(libraries), "PATH": "/usr/bin:/bin"}, **as_ordinary()}
    with tempfile.TemporaryDirectory(prefix="onramp-pg-") as folder:
        Path(folder).chmod(0o777)
        data = Path(folder, "data")
        initdb = (
            programs / "initdb",
            "--pgdata",
            data,
            "--username=hub",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-sync",
        )
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=folder, **common)
        server = (programs / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-F")
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(server, stdout=log, stderr=log, cwd=folder, **common)
        try:
            url = f"postgresql+psycopg://hub@/postgres?host={folder}"
            wait(lambda: answers(url), Path(folder, "log").read_text)
            yield url
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new, empty database of each kind."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("db_url"))
    return f"sqlite:///{tmp_path}/each.sqlite"


def answers(url: str) -> bool:
    """Whether the database takes connections: its socket is there a little before."""
    try:
        create_engine(url, poolclass=NullPool).connect().close()
    except OperationalError:
        return False
    return True


def test_a_server_outlives_the_hub_on_postgresql(db_url: str) -> None:
    with started(db_url=db_url, ledger_url=db_url) as hub:
        job_id = hub.start_server("alice", "training", profile="cpu")
        hub.stop(signal.SIGKILL)
        hub.start()
        hub.run_job(job_id)
        hub.ready("alice", "training")
        hub.stop()
        hub.start()
        assert hub.ready("alice", "training")["user_options"] == {"profile": "cpu"}
        assert list(hub.state.glob("*.sqlite")) == []
        assert hub.api("DELETE", "users/alice/servers/training").status == 204
        assert hub.slurm.job(job_id)["state"] == "CANCELLED"

        # A job whose id nobody noted is found again by its comment.
        job_id = hub.start_server("alice", profile="cpu")
        hub.stop(signal.SIGKILL)
        with create_engine(db_url, poolclass=NullPool).begin() as connection:
            connection.execute(text("UPDATE starts SET job_id = NULL WHERE ended IS NULL"))
        hub.start()
        hub.run_job(job_id)
        hub.ready("alice")
        assert len(hub.submitted()) == 2
