"""Which device files are a job's GPUs: here links to devices that every machine has stand for them."""

from pathlib import Path

import pytest

from curricula.devices import DevicesError, job_devices

NVIDIA = ("nvidia0", "nvidia1", "nvidia2", "nvidia10", "nvidiactl", "nvidia-uvm", "nvidia-caps/nvidia-cap12")
AMD = ("dri/renderD128", "dri/renderD129", "dri/card0", "kfd")


def machine(root: Path, *names: str) -> Path:
    """A root with these devices."""
    for name in names:
        (root / "dev" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "dev" / name).symlink_to("/dev/null")
    return root


@pytest.mark.parametrize(
    ("names", "environ", "files", "variables"),
    [
        (NVIDIA, {"CUDA_VISIBLE_DEVICES": "1"}, ("nvidia1", *NVIDIA[4:6]), {"CUDA_VISIBLE_DEVICES": "0"}),
        (
            NVIDIA,
            {"CUDA_VISIBLE_DEVICES": "2,3", "ROCR_VISIBLE_DEVICES": "2,3"},
            ("nvidia2", "nvidia10", *NVIDIA[4:6]),
            {"CUDA_VISIBLE_DEVICES": "0,1", "ROCR_VISIBLE_DEVICES": "0,1"},
        ),
        (
            NVIDIA[3:],
            {"CUDA_VISIBLE_DEVICES": "0", "SLURM_JOB_GPUS": "10"},
            ("nvidia10", *NVIDIA[4:6]),
            {"CUDA_VISIBLE_DEVICES": "0"},
        ),
        (
            NVIDIA[3:],
            {"CUDA_VISIBLE_DEVICES": "MIG-1"},
            ("nvidia10", *NVIDIA[4:]),
            {"CUDA_VISIBLE_DEVICES": "MIG-1"},
        ),
        (AMD, {"ROCR_VISIBLE_DEVICES": "1"}, ("dri/renderD129", "kfd"), {"ROCR_VISIBLE_DEVICES": "0"}),
        (
            ("nvidia0", "nvidiactl", "onramp/gpu1/1", "onramp/gpu1/2", "onramp/gpu2/0"),
            {"CUDA_VISIBLE_DEVICES": "0,2", "SLURMD_NODENAME": "gpu1"},
            ("nvidia0", "onramp/gpu1/2", "nvidiactl"),
            {"CUDA_VISIBLE_DEVICES": "0,1"},
        ),
    ],
    ids=[
        "one of several that all can be opened",
        "two, by number and not by letter",
        "the only one that cgroups let it open",
        "a slice",
        "AMD",
        "a real one and one of the factory's that stands in",
    ],
)
def test_the_jobs_own_and_no_other(
    tmp_path: Path, names: tuple[str, ...], environ: dict[str, str], files: tuple[str, ...], variables: dict[str, str]
) -> None:
    found = job_devices(environ, machine(tmp_path, *names))
    assert found.files == tuple(str(tmp_path / "dev" / name) for name in files)
    assert found.variables == variables


def test_what_is_no_device_or_does_not_open_is_not_counted(tmp_path: Path) -> None:
    machine(tmp_path, "nvidia2")
    (tmp_path / "dev/nvidia0").touch()
    (tmp_path / "dev/nvidia1").symlink_to("/nonexistent")
    assert job_devices({"CUDA_VISIBLE_DEVICES": "0"}, tmp_path).files == (str(tmp_path / "dev/nvidia2"),)


@pytest.mark.parametrize("environ", [{}, {"CUDA_VISIBLE_DEVICES": ""}, {"CUDA_VISIBLE_DEVICES": "NoDevFiles"}])
def test_a_job_without_gpus_that_should_have_some(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(DevicesError, match="neither Slurm nor the site has named any"):
        job_devices(environ, machine(tmp_path, "nvidia0"))


def test_a_gpu_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DevicesError, match=r"has GPU 3, and can open .*/nvidia0\. .*gres\.conf"):
        job_devices({"CUDA_VISIBLE_DEVICES": "3"}, machine(tmp_path, "nvidia0"))
