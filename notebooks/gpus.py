"""Whether work can run on the GPUs that Slurm gave a job: which are stand-ins, and whether there is a driver."""

from collections.abc import Iterable
from pathlib import Path

from spawners.node_gpus import STAND_INS

# Each exists only while a GPU driver is loaded: NVIDIA's, AMD's.
DRIVERS = ("proc/driver/nvidia/version", "dev/kfd")


def stand_ins(devices: Iterable[str], node: str | None, root: Path = Path("/")) -> tuple[str, ...]:
    """Those of a job's devices that Slurm counts and nothing computes on; a cluster has none."""
    folder = root / "dev" / STAND_INS / (node or "")
    return tuple(device for device in devices if device.isdecimal() and (folder / device).exists())


def driver(root: Path = Path("/")) -> bool:
    """Whether a GPU driver is loaded on this node."""
    return any((root / name).exists() for name in DRIVERS)
