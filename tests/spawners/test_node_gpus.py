"""The GPUs of a job: which they are by its environment, and what their driver says, where one is."""

import shutil
import subprocess
import sys
from ctypes.util import find_library
from pathlib import Path

import pytest

from spawners.node_gpus import GPU, gpus, visible

CHECKOUT = Path(__file__).parents[2]
# What a server does each time that a page asks.
ASKS = "from spawners.node_gpus import gpus\nfor _ in range(3): print(gpus({'CUDA_VISIBLE_DEVICES': '0,MIG-1'}))"


@pytest.mark.parametrize(
    ("environ", "vendor", "expected"),
    [
        pytest.param({}, "nvidia", (), id="nothing set"),
        pytest.param({"CUDA_VISIBLE_DEVICES": "0,3"}, "nvidia", ("0", "3"), id="nvidia"),
        pytest.param({"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, "nvidia", (), id="Slurm's word for none"),
        pytest.param({"CUDA_VISIBLE_DEVICES": ""}, "nvidia", (), id="emptied on purpose"),
        pytest.param({"CUDA_VISIBLE_DEVICES": "MIG-1, GPU-2"}, "nvidia", ("MIG-1", "GPU-2"), id="by UUID"),
        pytest.param({"ROCR_VISIBLE_DEVICES": "0,1"}, "amd", ("0", "1"), id="amd"),
        pytest.param({"ROCR_VISIBLE_DEVICES": "4,5", "HIP_VISIBLE_DEVICES": "1"}, "amd", ("1",), id="HIP narrows"),
        pytest.param({"ROCR_VISIBLE_DEVICES": "2"}, None, ("2",), id="vendor not known"),
        pytest.param({"SLURM_JOB_GPUS": "6"}, "nvidia", ("6",), id="only Slurm's own"),
        pytest.param({"CUDA_VISIBLE_DEVICES": "0", "SLURM_JOB_GPUS": "6"}, "nvidia", ("0",), id="as the job sees it"),
    ],
)
def test_visible(environ: dict[str, str], vendor: str | None, expected: tuple[str, ...]) -> None:
    assert expected == visible(environ, vendor)


def asked(libraries: Path) -> subprocess.CompletedProcess[str]:
    """Ask for GPUs in a process that looks for the driver's library in this folder first."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(CHECKOUT), "LD_LIBRARY_PATH": str(libraries)}
    return subprocess.run((sys.executable, "-c", ASKS), env=environment, capture_output=True, text=True, check=True)


def test_a_job_without_gpus_asks_nobody() -> None:
    assert gpus({"SLURM_JOB_ID": "1"}) == ()


@pytest.mark.skipif(bool(find_library("nvidia-ml")), reason="this machine has NVIDIA's driver")
def test_no_driver_is_nothing_to_speak_of(tmp_path: Path) -> None:
    done = asked(tmp_path)
    assert done.stdout.split() == ["()"] * 3
    assert done.stderr == ""


def test_a_broken_driver_costs_one_line(tmp_path: Path) -> None:
    """A library of the driver's name that has none of its functions, as after half an update."""
    (other,) = (line.split()[-1] for line in ldconfig() if line.startswith("libz.so.1 "))
    shutil.copy(other, tmp_path / "libnvidia-ml.so.1")
    done = asked(tmp_path)
    assert done.stdout.split() == ["()"] * 3
    (line,) = done.stderr.splitlines()
    assert line.startswith("The GPUs of this job cannot be asked how busy they are. NVMLError_FunctionNotFound")


# The functions of AMD's library that we call, as it documents them, on a machine with two cards.
AMDSMI = """
import os
from enum import Enum
class AmdSmiMemoryType(Enum):
    VRAM = 0
def amdsmi_init(): open(os.environ["BEGUN"], "a").write("x")
def amdsmi_get_processor_handles(): return ["first", "second"]
def amdsmi_get_gpu_activity(handle): return {"gfx_activity": {"first": 7, "second": "N/A"}[handle], "umc_activity": 0}
def amdsmi_get_gpu_asic_info(handle): return {"market_name": f"AMD Instinct MI250X, the {handle}"}
def amdsmi_get_gpu_memory_usage(handle, kind): return 2**30 if kind is AmdSmiMemoryType.VRAM else None
def amdsmi_get_gpu_memory_total(handle, kind): return 64 * 2**30 if kind is AmdSmiMemoryType.VRAM else None
"""


def amd(folder: Path, devices: str, library: str = AMDSMI) -> subprocess.CompletedProcess[str]:
    """Ask twice in a process that finds this in the place of AMD's library, which needs its hardware."""
    (folder / "amdsmi.py").write_text(library.replace('print("begun")\n', ""))
    asks = (
        f"from spawners.node_gpus import gpus\nfor _ in range(2): print(gpus({{'ROCR_VISIBLE_DEVICES': '{devices}'}}))"
    )
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{CHECKOUT}:{folder}", "BEGUN": str(folder / "begun")}
    return subprocess.run((sys.executable, "-c", asks), env=environment, capture_output=True, text=True, check=True)


def test_amd_tells_each_device_of_the_job(tmp_path: Path) -> None:
    done = amd(tmp_path, "0,1")
    one, two = (GPU(f"AMD Instinct MI250X, the {name}", None, 2**30, 64 * 2**30, None) for name in ("first", "second"))
    assert done.stdout.splitlines() == [str((one._replace(percent=7), two))] * 2
    assert done.stderr == ""
    # Beginning may take seconds, so it is done once.
    assert (tmp_path / "begun").read_text() == "x"


def test_amd_tells_nothing_of_the_devices_of_others(tmp_path: Path) -> None:
    assert "the first" not in amd(tmp_path, "1").stdout


def test_an_amd_driver_that_fails_costs_one_line(tmp_path: Path) -> None:
    done = amd(tmp_path, "0", "def amdsmi_init(): raise RuntimeError('AMDSMI_STATUS_NOT_INIT')")
    assert done.stdout.split() == ["()"] * 2
    (line,) = done.stderr.splitlines()
    assert line.endswith("RuntimeError: AMDSMI_STATUS_NOT_INIT")


def ldconfig() -> list[str]:
    """The libraries that this machine has."""
    out = subprocess.run(("/sbin/ldconfig", "-p"), capture_output=True, text=True, check=True).stdout
    return [line.strip() for line in out.splitlines()]
