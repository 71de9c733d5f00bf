"""Fixtures that more than one folder of tests uses."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from spawners.site import Site, load_site
from tests.fake_slurm import FakeSlurm

# A busy machine is no failure: examples may take as long as they need.
settings.register_profile("onramp", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("onramp")

# Strings that have broken programs of this kind; every door to the outside is tried with all of them.
HOSTILE = (
    "\n",
    "cpu\n#SBATCH --uid=0",
    "cpu\r#SBATCH --qos=high",
    "cpu --reservation=maint",
    "cpu;id",
    "$(id)",
    "`id`",
    '"; id; "',
    "'; id; '",
    "cpu\0",
    "a\\",
    "#",
    "-R",
    "../../etc/passwd",
    "{job.__class__}",
    "%j",
    "é\u2028x",
    "\udcff",
    "x" * 100_000,
)


@pytest.fixture(params=HOSTILE, ids=[ascii(text)[:24] for text in HOSTILE])
def hostile(request: pytest.FixtureRequest) -> str:
    """One string after the other that must never reach a script or an argument list as it is."""
    return str(request.param)


@pytest.fixture
def site() -> Site:
    """The site of the factory on one machine."""
    return load_site("local")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="onramp-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def fake_slurm(open_folder: Path) -> FakeSlurm:
    """Slurm's commands as small programs that keep their state in files."""
    return FakeSlurm(open_folder / "slurm")
