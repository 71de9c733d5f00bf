"""The GPUs a job may see, by the variables each vendor's software reads."""

from pathlib import Path

import pytest

from notebooks import gpus


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
    assert expected == gpus.visible(environ, vendor)


@pytest.mark.parametrize("name", gpus.DRIVERS)
def test_a_driver_is_seen(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).touch()

    assert gpus.driver(tmp_path)


def test_device_files_alone_are_no_driver(tmp_path: Path) -> None:
    """The one-machine factory gives Slurm device files where there is no GPU."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia0").touch()

    assert not gpus.driver(tmp_path)
