"""Fixtures that more than one folder of tests uses, and who does which tests where two processes share them."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from spawners.site import Site, load_site
from tests.fake_slurm import FakeSlurm

# A busy machine is no failure: examples may take as long as they need.
settings.register_profile("onramp", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("onramp")

# The longest work, all on one factory: it begins first.
_FACTORY = "tests/end_to_end"
_FAULTS = "tests/end_to_end/test_faults.py"
# These look at the whole machine, or mount something on it: one after the other.
_MACHINE = (
    "tests/end_to_end/test_host_untouched.py",
    "tests/end_to_end/test_ordinary_user.py",
    "tests/spawners/test_node.py",
)
_FAULT_COLUMNS = ("fault", "before", "alive", "lost", "orphans", "the person read")


def _work(nodeid: str) -> str:
    """Return what stays in one process: a file, or files that share something."""
    file = nodeid.partition("::")[0]
    if file in _MACHINE:
        return "machine"
    return _FACTORY if file.startswith(_FACTORY) else file


class SideBySide(LoadScopeScheduling):  # type: ignore[misc]
    """With `pytest -n 2`, work after work goes to whichever process is free."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return _work(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SideBySide:
    return SideBySide(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --full, for what takes many minutes."""
    parser.addoption("--full", action="store_true", help="also run tests that take many minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where processes share the tests, put first what takes longest; on the factory, put last what breaks it."""
    if not config.getoption("full"):
        long = [item for item in items if item.get_closest_marker("full")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _work(item.nodeid) != _FACTORY)
    faults = [item for item in items if item.nodeid.startswith(_FAULTS)]
    others = [item for item in items if not item.nodeid.startswith(_FAULTS)]
    after = max((place for place, item in enumerate(others, 1) if _work(item.nodeid) == _FACTORY), default=0)
    items[:] = [*others[:after], *faults, *others[after:]]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the times that tests have measured, to be read and never to fail for, and the table of faults.

    Here, since where processes share the tests, the one that reports reads no other conftest.
    """
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    found = [noted for report in reports if report.when == "call" for noted in getattr(report, "user_properties", ())]
    for what, seconds in found:
        if what.startswith("first "):
            terminalreporter.write_line(f"{what}: {seconds:.0f} s after sign-in")
    for what, told in found:
        if what == "gained":
            terminalreporter.write_line(f"in the learner's own process an attack gains, {told}")
    faults = [row.strip("| ").split(" | ") for what, row in found if what == "fault"]
    for row in [_FAULT_COLUMNS, *faults] if faults else ():
        terminalreporter.write_line("{:<64}{:>7}{:>6}{:>5}{:>8}  {}".format(*row))


# Strings that have broken programs of this kind; every door to the outside is tried with all of them.
HOSTILE = (
    "\n",
    "cpu\n#SBATCH --hold",
    "cpu\r#SBATCH --qos=high",
    "cpu --reservation=maint",
    "cpu;true",
    "$(true)",
    "`true`",
    '"; true; "',
    "'; true; '",
    "cpu\0",
    "a\\",
    "#",
    "-R",
    "../../other/file",
    "{job.name}",
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
