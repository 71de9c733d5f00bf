"""Which GPUs a job may see, by the environment Slurm gave it, and whether the node can use them."""

from collections.abc import Mapping
from pathlib import Path

# Narrowest first: HIP counts inside what ROCR leaves visible, so where both are set HIP has the last word.
# https://rocm.docs.amd.com/en/latest/conceptual/gpu-isolation.html
VARIABLES = {
    "nvidia": ("CUDA_VISIBLE_DEVICES",),
    "amd": ("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"),
}
# Slurm's own list comes last: it numbers the node's GPUs, the variables above number those the job sees.
SLURM = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS")
# What Slurm and CUDA write where there is no device to see.
NO_DEVICE = frozenset({"", "-1", "NoDevFiles", "none", "void"})
# Each exists only while a GPU driver is loaded: NVIDIA's, AMD's.
DRIVERS = ("proc/driver/nvidia/version", "dev/kfd")


def visible(environ: Mapping[str, str], vendor: str | None) -> tuple[str, ...]:
    """The devices this job may use, by number or name; `vendor` is the Site's word, None if not known."""
    known = VARIABLES.get(vendor or "", VARIABLES["amd"])
    for name in (*known, *SLURM):
        if name in environ:
            return _devices(environ[name])
    return ()


def driver(root: Path = Path("/")) -> bool:
    """Whether a GPU driver is loaded on this node."""
    return any((root / name).exists() for name in DRIVERS)


def _devices(value: str) -> tuple[str, ...]:
    devices = (device.strip() for device in value.split(","))
    return tuple(device for device in devices if device not in NO_DEVICE)
