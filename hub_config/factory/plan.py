"""What one factory consists of: its nodes, accounts, addresses and ports, settled once when it is first started."""

import pwd
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, Field

GPUS_PER_NODE = 4
SERVICE_ACCOUNTS = ("munge", "slurm", "mysql", "onramp-hub", "onramp-course", "onramp-grade")
# Everybody the hub may act for; its own and Slurm's accounts are not among them.
LEARNERS = "learners"
PEOPLE = ("teacher1", "student1", "student2", "student3", "sme1")


class Node(BaseModel, frozen=True, extra="forbid"):
    """One slurmd: a name in Slurm, and what it claims to have."""

    name: str
    cpus: int
    memory: int = Field(description="MiB")
    gpus: tuple[str, ...] = Field(default=(), description="device files, in the order Slurm numbers them")


class SlurmAccount(BaseModel, frozen=True, extra="forbid"):
    """An account in slurmdbd with the GPU minutes its people share."""

    name: str
    description: str
    people: tuple[str, ...]
    gpu_minutes: int


class Plan(BaseModel, frozen=True, extra="forbid"):
    """A factory's facts. `first_uid` numbers its accounts upwards from there, inside the namespace."""

    port: int
    network: int = Field(description="second byte of its loopback addresses, 127.NETWORK.0.x", ge=1, le=254)
    first_uid: int
    nodes: tuple[Node, ...]
    slurm_accounts: tuple[SlurmAccount, ...]

    @property
    def control(self) -> str:
        """The address of the hub and of the proxy's API."""
        return f"127.{self.network}.0.1"

    def slurm_port(self, daemon: str) -> int:
        """Return the port of slurmctld, slurmdbd or a node's slurmd: below those the kernel hands out.

        Slurm calls back where a connection came from, and over loopback that is 127.0.0.1 for all of them.
        """
        daemons = ("slurmctld", "slurmdbd", *(node.name for node in self.nodes))
        return 20000 + 10 * self.network + daemons.index(daemon)

    @property
    def url(self) -> str:
        """Where a browser finds the hub."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def uids(self) -> dict[str, int]:
        """Account name → uid (the gid is the same), service accounts first."""
        names = (*SERVICE_ACCOUNTS, *PEOPLE)
        return {name: self.first_uid + number for number, name in enumerate(names)}

    @property
    def emulated_gpus(self) -> Iterator[str]:
        """Names below /dev/onramp of the GPUs that have no device behind them."""
        devices = {device for node in self.nodes for device in node.gpus}
        return (Path(device).name for device in sorted(devices) if device.startswith("/dev/onramp/"))


def make_plan(port: int, network: int, real_gpus: Sequence[str] = ()) -> Plan:
    """Plan a factory: the real GPUs (device files) come first, and emulated ones stand in on a node without any."""
    gpus = _gpus_per_node(real_gpus)
    return Plan(
        port=port,
        network=network,
        first_uid=_free_uids(len(SERVICE_ACCOUNTS) + len(PEOPLE)),
        nodes=(
            Node(name="cpu1", cpus=4, memory=8000),
            Node(name="cpu2", cpus=4, memory=8000),
            Node(name="gpu1", cpus=8, memory=16000, gpus=gpus[0]),
            Node(name="gpu2", cpus=8, memory=16000, gpus=gpus[1]),
        ),
        slurm_accounts=(
            SlurmAccount(name="onboarding", description="Onboarding course", people=PEOPLE[:4], gpu_minutes=6000),
            SlurmAccount(name="sme", description="SME prototyping", people=PEOPLE[4:], gpu_minutes=3000),
            SlurmAccount(name="grading", description="Grading of submissions", people=("onramp-grade",), gpu_minutes=0),
        ),
    )


def find_gpus() -> list[str]:
    """Return the device files of this machine's GPUs, NVIDIA's or AMD's, in the driver's order."""
    nvidia = sorted(Path("/dev").glob("nvidia[0-9]*"), key=lambda path: int(path.name.removeprefix("nvidia")))
    amd = sorted(Path("/dev/dri").glob("renderD*")) if Path("/dev/kfd").exists() else []
    return [str(path) for path in nvidia or amd]


def _gpus_per_node(real: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    emulated = tuple(f"/dev/onramp/gpu{number}" for number in range(GPUS_PER_NODE))
    return tuple(real[:GPUS_PER_NODE]) or emulated, tuple(real[GPUS_PER_NODE : 2 * GPUS_PER_NODE]) or emulated


def _free_uids(count: int) -> int:
    """Return the first uid of a free run of `count`, in the range Debian's policy leaves unassigned."""
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    return next(first for first in range(50000, 59000, 100) if taken.isdisjoint(range(first, first + count)))
