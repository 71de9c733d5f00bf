"""`onramp kernels install`: one command, and every Jupyter of this person offers kernels with GPUs, without a hub."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from spawners.kernel_provisioner import KernelProvisioner
from spawners.site import Site
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.notebooks.job import ROOT
from tests.spawners.a_kernel import Cell, Jobs, OwnLauncher, client, here


def onramp(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command where no hub has started anything."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "hub_config.cli", "kernels", *arguments]
    return subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)


async def test_installed_once_it_runs_in_any_jupyter(
    fake_slurm: FakeSlurm, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """jupyter_client finds the kernel and our provisioner by itself; what was installed names the site and who pays."""
    for name in ("ONRAMP_SITE", "SLURM_JOB_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    done = onramp(tmp_path, "install", "--site", str(here(site, tmp_path)), "--account", "onboarding")
    assert done.returncode == 0, done.stderr
    assert "Python on One GPU: 60 GPU min" in done.stdout

    found = KernelSpecManager(kernel_dirs=[str(tmp_path / ".local/share/jupyter/kernels")])
    kernel = AsyncKernelManager(kernel_name="onramp-gpu-1", kernel_spec_manager=found)
    kernel.provisioner = provisioner = _provisioner(kernel)
    provisioner.scheduler = Slurm(OwnLauncher(fake_slurm), bin=str(fake_slurm.bin))
    jobs = Jobs(fake_slurm)
    try:
        await kernel.start_kernel()
        async with client(kernel) as one:
            cell = Cell(one, "import os; print(os.environ['SLURM_JOB_ID'])")
            await jobs.begin()
            assert (await cell.shows("stream")).strip() == "1"
        (call,) = fake_slurm.calls("sbatch")
        assert "#SBATCH --account=onboarding\n" in call["stdin"]
    finally:
        await kernel.shutdown_kernel(now=True)
        await asyncio.to_thread(jobs.kill)


def _provisioner(kernel: AsyncKernelManager) -> KernelProvisioner:
    """What jupyter_client makes of the installed file, by the entry point of our package."""
    from jupyter_client.provisioning.factory import KernelProvisionerFactory

    made = KernelProvisionerFactory.instance(parent=kernel.parent).create_provisioner_instance(
        "1", kernel.kernel_spec, parent=kernel
    )
    assert type(made).__name__ == KernelProvisioner.__name__
    return made  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((), "Missing option '--site'"), (("--site", "nowhere"), "nowhere"), (("--site", os.devnull), "null")],
)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = onramp(tmp_path, "install", *arguments)
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".local").exists()
