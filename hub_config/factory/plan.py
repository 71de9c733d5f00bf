"""What one factory consists of: its nodes, accounts, addresses and ports, settled once when it is first started."""

import pwd
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, Field

from spawners.node_gpus import STAND_INS

# A file for each GPU that has no device behind it: below, by its node, the number Slurm gives it there.
EMULATED = f"/dev/{STAND_INS}"
SERVICE_ACCOUNTS = ("munge", "slurm", "mysql", "onramp-hub", "onramp-course", "onramp-grade")
# Everybody the hub may act for; its own and Slurm's accounts are not among them.
LEARNERS = "learners"
PEOPLE = ("teacher1", "student1", "student2", "student3", "sme1")
# Ports are counted in blocks of so many, one block for each network.
MOST_DAEMONS = 80


class Node(BaseModel, frozen=True, extra="forbid"):
    """One slurmd: a name in Slurm, what it claims to have, and what its jobs find there.

    `hidden` are folders that its jobs do not see, `tmp` (MiB) is how large a /tmp in memory they have, if any.
    """

    name: str
    cpus: int
    memory: int = Field(description="MiB")
    gpus: tuple[str, ...] = Field(default=(), description="device files, in the order Slurm numbers them")
    gpu_type: str | None = None
    features: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    tmp: int | None = None
    internet: bool = True


class SlurmPartition(BaseModel, frozen=True, extra="forbid"):
    """A line of slurm.conf: a partition, its nodes, and what else is said of it, such as MaxTime=60."""

    name: str
    nodes: tuple[str, ...]
    options: tuple[str, ...]


class SlurmQOS(BaseModel, frozen=True, extra="forbid"):
    """A quality of service in slurmdbd, with its limits in sacctmgr's words."""

    name: str
    limits: tuple[str, ...]


class SlurmAccount(BaseModel, frozen=True, extra="forbid"):
    """An account in slurmdbd with the GPU minutes its people share, and the QoS they may name besides `normal`."""

    name: str
    description: str
    people: tuple[str, ...]
    gpu_minutes: int
    qos: tuple[str, ...] = ()


class Cluster(BaseModel, frozen=True, extra="forbid"):
    """A site as Slurm sees it; `asked_of_jobs` is what job_submit.lua holds jobs against."""

    site: str = Field(description="a site's name or the path of its YAML, as `up --site` was told")
    nodes: tuple[Node, ...]
    partitions: tuple[SlurmPartition, ...]
    qos: tuple[SlurmQOS, ...]
    accounts: tuple[SlurmAccount, ...]
    asked_of_jobs: dict[str, object]


class Plan(BaseModel, frozen=True, extra="forbid"):
    """A factory's facts. `first_uid` numbers its accounts upwards from there, inside the namespace."""

    port: int
    network: int = Field(description="second byte of its loopback addresses, 127.NETWORK.0.x", ge=1, le=254)
    first_uid: int
    cluster: Cluster

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of its cluster."""
        return self.cluster.nodes

    @property
    def control(self) -> str:
        """The address of the hub and of the proxy's API."""
        return f"127.{self.network}.0.1"

    def slurm_port(self, daemon: str) -> int:
        """Return the port of slurmctld, slurmdbd or a node's slurmd: below those the kernel hands out.

        Slurm calls back where a connection came from, and over loopback that is 127.0.0.1 for all of them.
        """
        daemons = ("slurmctld", "slurmdbd", *(node.name for node in self.nodes))
        return 12000 + MOST_DAEMONS * self.network + daemons.index(daemon)

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
        """Paths below /dev/onramp of the GPUs that have no device behind them."""
        devices = (Path(device) for node in self.nodes for device in node.gpus)
        return (str(device.relative_to(EMULATED)) for device in devices if device.is_relative_to(EMULATED))


def make_plan(port: int, network: int, cluster: Cluster) -> Plan:
    """Plan a factory around a cluster."""
    first_uid = _free_uids(len(SERVICE_ACCOUNTS) + len(PEOPLE))
    return Plan(port=port, network=network, first_uid=first_uid, cluster=cluster)


def find_gpus() -> list[str]:
    """Return the device files of this machine's GPUs, NVIDIA's or AMD's, in the driver's order."""
    nvidia = sorted(Path("/dev").glob("nvidia[0-9]*"), key=lambda path: int(path.name.removeprefix("nvidia")))
    amd = sorted(Path("/dev/dri").glob("renderD*")) if Path("/dev/kfd").exists() else []
    return [str(path) for path in nvidia or amd]


def _free_uids(count: int) -> int:
    """Return the first uid of a free run of `count`, in the range Debian's policy leaves unassigned."""
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    return next(first for first in range(50000, 59000, 100) if taken.isdisjoint(range(first, first + count)))
