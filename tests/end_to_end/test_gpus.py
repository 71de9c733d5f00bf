"""Device files of real GPUs on the machine, fewer than the nodes offer: what Slurm and a job make of them.

The devices are not GPUs: which of them a job can open is what is looked at, and no driver is asked.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.factory import Factory

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="device files are for root to make")

REAL = 5
# Any file that every Debian has and no program needs.
LIBRARY = "/usr/share/common-licenses/BSD"
# A job's words: what Slurm gave it, the devices that it can open, and what the panel tells of them.
LOOK = """
import os, onramp
print(os.environ.get("CUDA_VISIBLE_DEVICES", "unset"))
print(*(number for number in range(5) if os.access(f"/dev/nvidia{number}", os.R_OK)))
print(*onramp.status().stand_ins)
"""


@pytest.fixture(scope="module")
def machine() -> Iterator[Factory]:
    """A factory on a machine with five GPUs, whose driver's library is mounted below /usr as containers have it."""
    script = str(Path(__file__).with_name("gpu_machine.sh"))
    with tempfile.TemporaryDirectory(prefix="onramp-gpus-") as folder:
        one = Factory(Path(folder, "state"), prefix=("unshare", "--mount", script, folder, str(REAL), LIBRARY))
        try:
            one.up()
            yield one
        finally:
            one.down()


@pytest.mark.parametrize(
    ("options", "visible", "opened", "stand_ins"),
    [
        (("-p", "cpu"), "unset", "", ""),
        (("-w", "gpu1", "--gres=gpu:2"), "0,1", "0 1 2 3", ""),
        (("-w", "gpu2", "--gres=gpu:1"), "0", "4", ""),
        (("-w", "gpu2", "--gres=gpu:4"), "0,1,2,3", "4", "1 2 3"),
    ],
    ids=["a CPU node", "real ones", "the second node's own", "a real one and stand-ins"],
)
def test_a_node_has_its_own_gpus(
    machine: Factory, options: tuple[str, ...], visible: str, opened: str, stand_ins: str
) -> None:
    """A driver numbers what it can open from 0, as Slurm numbers a node's: only the node's own may be there."""
    partition = () if "cpu" in options else ("-p", "gpu")
    said = machine.exec("srun", *partition, *options, "python", "-c", LOOK, user="student1")

    assert said.splitlines() == [visible, opened, stand_ins]


def test_every_profile_finds_its_gpus(machine: Factory) -> None:
    """Also the one of two whole nodes, on a machine with fewer GPUs than they offer."""
    said = machine.exec("srun", "-p", "gpu", "-N2", "--gres=gpu:4", "sh", "-c", "hostname", user="student1")

    assert sorted(said.split()) == ["gpu1", "gpu2"]


def test_the_drivers_library_is_seen_inside(machine: Factory) -> None:
    """Containers get it as a mount of its own, which an overlay over /usr does not show by itself."""
    assert machine.exec("srun", "-p", "gpu", "cat", LIBRARY, user="student1") == "a driver's library\n"
