"""An honest sentence about what a calculation ran on: a real GPU, or the CPU and why."""

import os
from textwrap import fill
from types import ModuleType
from typing import Any

from notebooks import without_torch, words
from notebooks.status import Status, from_environment

LINE = 96
NO_TORCH = (
    "PyTorch is not installed here, so {library} did the work, on the CPU. On a one-machine factory, "
    "`./onramp up --torch cpu` installs PyTorch; on a shared system, ask those who run it."
)
STAND_INS = (
    "This ran on the CPU. Slurm gave this job {gpus}, but no real one. That is expected on a one-machine factory with "
    "fewer GPUs than its nodes offer: the queue and the budget are real, the GPUs that are missing are stand-ins. "
    "With a real GPU this notebook uses it without a change."
)
NO_DRIVER = (
    "This ran on the CPU. Slurm gave this job {gpus}, but this node has no GPU driver. "
    "Tell those who run this system, with the number of your job."
)
NO_GPU_BUILD = (
    "This ran on the CPU. Slurm gave this job {gpus} and this node has a GPU driver, but this PyTorch "
    "({version}) cannot use it. On a one-machine factory, `./onramp up --torch cuda` installs a PyTorch for "
    "NVIDIA GPUs; on a shared system, choose its PyTorch environment."
)
NOT_ASKED = (
    "This ran on the CPU, because this job did not ask for a GPU. "
    "To use one, stop this server and start it again with a GPU profile."
)
OUTSIDE = "This ran on the CPU of the computer you are on, outside any Slurm job. No GPU was found."


def ran_on(torch: ModuleType | None, device: object) -> str:
    """What `device` really is, in plain words; `torch` is the module, or None where it is not installed.

    The lines are short enough for a notebook's output, which breaks long ones in the middle of a word.
    """
    if torch is not None and str(device) != "cpu":
        return f"This ran on a real GPU: {_name(torch, device)}."
    version = None if torch is None else str(torch.__version__)
    return fill(why_cpu(from_environment(os.environ), version), LINE, break_on_hyphens=False)


def why_cpu(here: Status, version: str | None) -> str:
    """Why the work ran on the CPU; `version` is PyTorch's, None where it is not installed."""
    if version is None:
        return NO_TORCH.format(library=without_torch.library())
    if not here.gpus:
        return NOT_ASKED if here.job_id else OUTSIDE
    given = words.count(len(here.gpus), "GPU")
    if here.stand_ins == here.gpus:
        return STAND_INS.format(gpus=given)
    return (NO_GPU_BUILD if here.driver else NO_DRIVER).format(gpus=given, version=version)


def _name(torch: ModuleType, device: object) -> str:
    """The model of an accelerator as its driver gives it, or PyTorch's word for it where it gives none."""
    module: Any = torch.get_device_module(device)
    get_device_name = getattr(module, "get_device_name", None)
    return f"{get_device_name(device)} (PyTorch calls it {device})" if get_device_name else str(device)
