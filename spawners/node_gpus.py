"""The GPUs of this job and what they do now, by their vendor's own library; none where no driver answers."""

import logging
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

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
# Below /dev, the one-machine factory's GPUs that have no device behind them: a file for each, by node and number there.
STAND_INS = "onramp"

log = logging.getLogger(__name__)


class GPU(NamedTuple):
    """One device: how busy (0 to 100), its memory, and the processes that compute on it; None: not told.

    A MIG slice does not tell how busy it is.
    """

    name: str
    percent: int | None
    memory_bytes: int
    memory_limit_bytes: int
    pids: frozenset[int] | None


def visible(environ: Mapping[str, str], vendor: str | None) -> tuple[str, ...]:
    """The devices this job may use, by number or name; `vendor` is the Site's word, None if not known."""
    known = VARIABLES.get(vendor or "", VARIABLES["amd"])
    for name in (*known, *SLURM):
        if name in environ:
            return _devices(environ[name])
    return ()


def gpus(environ: Mapping[str, str]) -> tuple[GPU, ...]:
    """The devices of the job with this environment, NVIDIA's or AMD's. Asks the driver, and may wait for it."""
    return _asked(_nvidia, visible(environ, "nvidia")) or _asked(_amd, visible(environ, "amd"))


def _asked(ask: Callable[[tuple[str, ...]], tuple[GPU, ...]], devices: tuple[str, ...]) -> tuple[GPU, ...]:
    """What a vendor's library says; a driver that is there and fails is noted once, and costs nobody a server."""
    if not devices:
        return ()
    try:
        return ask(devices)
    except Exception as error:  # noqa: BLE001 - a driver may fail in any way
        _note(f"{type(error).__name__}: {error}")
        return ()


@cache
def _note(problem: str) -> None:
    log.warning("The GPUs of this job cannot be asked how busy they are. %s", problem)


def _devices(value: str) -> tuple[str, ...]:
    devices = (device.strip() for device in value.split(","))
    return tuple(device for device in devices if device not in NO_DEVICE)


# NVIDIA: NVML numbers the devices that the job may open, as CUDA_VISIBLE_DEVICES does; a MIG slice has a UUID.


def _nvidia(devices: tuple[str, ...]) -> tuple[GPU, ...]:
    import pynvml

    try:
        _start_nvml()
    except pynvml.NVMLError_LibraryNotFound:
        return ()
    return tuple(_nvidia_gpu(pynvml, device) for device in devices)


@cache
def _start_nvml() -> None:
    """Once, and never ended: starting may take seconds. A failure is not kept."""
    import pynvml

    pynvml.nvmlInit()


def _nvidia_gpu(nvml: Any, device: str) -> GPU:
    if device.isdecimal():
        handle = nvml.nvmlDeviceGetHandleByIndex(int(device))
    else:
        handle = nvml.nvmlDeviceGetHandleByUUID(device)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return GPU(
        name=nvml.nvmlDeviceGetName(handle),
        percent=_told(nvml, lambda: int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)),
        memory_bytes=int(memory.used),
        memory_limit_bytes=int(memory.total),
        pids=_told(nvml, lambda: frozenset(p.pid for p in nvml.nvmlDeviceGetComputeRunningProcesses(handle))),
    )


def _told(nvml: Any, ask: Callable[[], Any]) -> Any:
    """What not every device or driver tells, and not everybody is told: None then."""
    try:
        return ask()
    except (nvml.NVMLError_NotSupported, nvml.NVMLError_FunctionNotFound, nvml.NVMLError_NoPermission):
        return None


# AMD: the package comes with ROCm, so a site puts it beside Onramp.


def _amd(devices: tuple[str, ...]) -> tuple[GPU, ...]:
    try:
        import amdsmi
    except ImportError:
        return ()
    _start_amdsmi()
    handles = amdsmi.amdsmi_get_processor_handles()
    return tuple(_amd_gpu(amdsmi, handles[int(device)]) for device in devices)


@cache
def _start_amdsmi() -> None:
    import amdsmi

    amdsmi.amdsmi_init()


def _amd_gpu(smi: Any, handle: Any) -> GPU:
    vram = smi.AmdSmiMemoryType.VRAM
    activity = smi.amdsmi_get_gpu_activity(handle)["gfx_activity"]
    return GPU(
        name=smi.amdsmi_get_gpu_asic_info(handle)["market_name"],
        percent=activity if isinstance(activity, int) else None,
        memory_bytes=int(smi.amdsmi_get_gpu_memory_usage(handle, vram)),
        memory_limit_bytes=int(smi.amdsmi_get_gpu_memory_total(handle, vram)),
        pids=None,
    )
