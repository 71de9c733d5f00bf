"""The GPUs of this job as device files: what a sandbox hands on to notebooks, and the variables that name them there.

Drivers number the devices that a process can open, from 0. Within a sandbox that has the job's alone, so do we.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from spawners.node_gpus import STAND_INS, visible

# By which a job is told its GPUs, Slurm's own words and those that a site may add.
VARIABLES = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
# A GPU's own file, and what its driver needs besides: of NVIDIA's, of AMD's.
_KINDS = (
    ("nvidia[0-9]*", ("nvidiactl", "nvidia-uvm")),
    ("dri/renderD*", ("kfd",)),
)
# By which NVIDIA lets a process into a slice of a GPU.
_SLICES = "nvidia-caps/nvidia-cap[0-9]*"


class DevicesError(RuntimeError):
    """This job has not the GPUs that it should have."""


class Devices(NamedTuple):
    """Files to be seen within, and variables to be set there; those of no GPU at all where none are told."""

    files: tuple[str, ...] = ()
    variables: Mapping[str, str] = {"CUDA_VISIBLE_DEVICES": ""}


NO_GPU = Devices()


def job_devices(environ: Mapping[str, str], root: Path = Path("/")) -> Devices:
    """Return the devices of the job with this environment, and no others. Raises DevicesError."""
    names = visible(environ, None)
    if not names:
        raise DevicesError("This job is to have GPUs, and neither Slurm nor the site has named any: see gres.conf.")
    dev = root / "dev"
    real, besides = _openable(dev)
    told = {name: environ[name] for name in VARIABLES if name in environ}
    if not all(name.isdecimal() for name in names):  # slices and GPUs by UUID: Slurm confines a job to its own
        return Devices((*map(str, real), *besides, *map(str, _can_open(dev.glob(_SLICES)))), told)
    stand_ins = dev / STAND_INS / environ.get("SLURMD_NODENAME", "")
    files = tuple(str(_numbered(int(name), real, stand_ins)) for name in names)
    inside = ",".join(map(str, range(len(files))))
    return Devices((*files, *besides), dict.fromkeys(told or VARIABLES, inside))


def _openable(dev: Path) -> tuple[list[Path], tuple[str, ...]]:
    """The GPUs that this process can open, as their driver numbers them, and what else their driver needs."""
    for pattern, names in _KINDS:
        found = sorted(_can_open(dev.glob(pattern)), key=_number)
        if found:
            return found, tuple(str(dev / name) for name in names if (dev / name).exists())
    return [], ()


def _can_open(paths: Iterator[Path]) -> Iterator[Path]:
    """Those that are devices and open: others may be seen, but are kept from this job by cgroups or permissions."""
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        is_device = stat.S_ISCHR(os.fstat(descriptor).st_mode)
        os.close(descriptor)
        if is_device:
            yield path


def _number(path: Path) -> int:
    return int("".join(filter(str.isdecimal, path.name)))


def _numbered(number: int, real: list[Path], stand_ins: Path) -> Path:
    """The device with a number: one of the one-machine factory's that stand in for GPUs, or a real one."""
    if (stand_ins / str(number)).exists():
        return stand_ins / str(number)
    if number < len(real):
        return real[number]
    raise DevicesError(
        f"This job is told that it has GPU {number}, and can open {', '.join(map(str, real)) or 'none'}. "
        "Have gres.conf and the devices of its node compared."
    )
