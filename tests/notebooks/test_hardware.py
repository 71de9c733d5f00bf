"""What a calculation ran on, told honestly in each case."""

import re
from types import ModuleType, SimpleNamespace

import pytest

from notebooks import hardware, without_torch
from notebooks.hardware import ran_on, why_cpu
from notebooks.status import Status

GPU_JOB = Status(job_id="17", gpus=("0",), stand_ins=("0",))


@pytest.mark.parametrize("driver", [False, True], ids=["no GPU in the machine", "a GPU that others hold"])
def test_stand_ins_are_not_passed_off_as_real_ones(driver: bool) -> None:
    said = why_cpu(GPU_JOB.model_copy(update={"driver": driver}), "2.13.0")

    assert said.startswith("This ran on the CPU. Slurm gave this job 1 GPU, but no real one.")
    assert "stand-ins" in said


def test_a_node_whose_driver_is_missing() -> None:
    said = why_cpu(Status(job_id="17", gpus=("0",)), "2.13.0")

    assert said.startswith("This ran on the CPU. Slurm gave this job 1 GPU, but this node has no GPU driver.")
    assert "stand-in" not in said


def test_a_driver_but_a_pytorch_that_cannot_use_it() -> None:
    said = why_cpu(Status(job_id="17", gpus=("0", "1"), stand_ins=("1",), driver=True), "2.13.0+cpu")

    assert "2 GPUs" in said
    assert "this PyTorch (2.13.0+cpu) cannot use" in said
    assert "`./onramp up --torch cuda`" in said


def test_no_gpu_was_asked_for() -> None:
    assert why_cpu(Status(job_id="17", driver=True), "2.13.0") == hardware.NOT_ASKED


def test_outside_a_job() -> None:
    assert why_cpu(Status(), "2.13.0") == hardware.OUTSIDE


@pytest.mark.parametrize("here", [GPU_JOB, Status()])
def test_no_pytorch_comes_before_any_other_reason(here: Status) -> None:
    said = why_cpu(here, None)

    assert said.startswith(f"PyTorch is not installed here, so {without_torch.library()} did the work, on the CPU.")
    assert "`./onramp up --torch cpu`" in said


def accelerated(module: object) -> ModuleType:
    """A PyTorch whose accelerator answers with `module`, at the place where the real one has a driver."""
    torch = ModuleType("torch")
    torch.__dict__["get_device_module"] = lambda _device: module
    return torch


def test_a_real_gpu_is_named_by_its_driver() -> None:
    torch = accelerated(SimpleNamespace(get_device_name=lambda _device: "AMD Instinct MI250X"))

    assert ran_on(torch, "cuda") == "This ran on a real GPU: AMD Instinct MI250X (PyTorch calls it cuda)."


def test_an_accelerator_without_a_name() -> None:
    assert ran_on(accelerated(SimpleNamespace()), "mps") == "This ran on a real GPU: mps."


def test_no_sentence_has_a_hole() -> None:
    given = Status(job_id="17", gpus=("0",))
    for here in (GPU_JOB, given, given.model_copy(update={"driver": True}), Status(job_id="17"), Status()):
        for version in ("2.13.0", None):
            assert not re.search(r"[{}]|\bNone\b", why_cpu(here, version))
