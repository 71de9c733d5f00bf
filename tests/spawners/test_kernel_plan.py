"""What a kernel's job is asked for with, and how one that cannot be had is refused."""

from pathlib import Path

import pytest

from spawners.kernel_plan import KernelError, plan_kernel
from spawners.site import Site
from tests.spawners.a_kernel import here

SERVER = {"ONRAMP_SITE": "local", "SLURM_JOB_ID": "17", "SLURM_JOB_ACCOUNT": "onboarding"}


def test_a_job_of_the_profile_charged_to_the_servers_account() -> None:
    plan = plan_kernel("gpu-1", "student1", SERVER)
    text = plan.script().text
    assert f"#SBATCH --comment=onramp:kernel:student1:17:{plan.nonce}\n" in text
    assert "#SBATCH --account=onboarding\n" in text
    assert "#SBATCH --gres=gpu:1\n" in text
    assert "#SBATCH --no-requeue\n" in text
    assert text.endswith(f"-I -m spawners.kernel_node /srv/onramp/spool/student1/{plan.nonce}.json\n")
    assert plan.idle is not None


def test_two_kernels_have_nothing_in_common() -> None:
    assert len({plan_kernel("gpu-1", "student1", SERVER).nonce for _ in range(20)}) == 20


def test_what_the_job_is_told_is_in_no_script_and_no_traceback() -> None:
    plan = plan_kernel("gpu-1", "student1", SERVER)
    letter = plan.letter({"token": "a-secret"})
    assert letter.path.endswith(f"{plan.nonce}.json")
    assert "a-secret" not in plan.script().text + repr(letter)


def test_any_jupyter_on_the_system_will_do() -> None:
    """It needs no hub, and no job of its own."""
    plan = plan_kernel("gpu-1", "student1", {"ONRAMP_SITE": "local"})
    assert (plan.server, plan.resources.account) == ("none", None)


@pytest.mark.parametrize(
    ("profile", "environ", "words"),
    [
        ("gpu-1", {}, "set ONRAMP_SITE to the name of this site"),
        ("gpu-1", {"ONRAMP_SITE": "nowhere"}, "There is no site 'nowhere'. Choose from: "),
        ("gpu-9", SERVER, "Choose from: cpu, gpu-1."),
        ("gpu-8", SERVER, "Choose from: cpu, gpu-1."),
        ("", SERVER, "Choose from: cpu, gpu-1."),
        ("gpu-1", SERVER | {"SLURM_JOB_ACCOUNT": "a b"}, "It takes one word"),
        ("gpu-1", {"ONRAMP_SITE": "jean-zay"}, "account"),
    ],
)
def test_what_cannot_be_had(profile: str, environ: dict[str, str], words: str) -> None:
    with pytest.raises(KernelError) as error:
        plan_kernel(profile, "student1", environ)
    assert words in str(error.value)


def test_hostile_profiles_reach_no_script(hostile: str) -> None:
    with pytest.raises(KernelError):
        plan_kernel(hostile, "student1", SERVER)


def test_a_profile_of_several_nodes(site: Site, tmp_path: Path) -> None:
    file = here(site, tmp_path, purposes=("kernel",))
    with pytest.raises(KernelError, match=r"'gpu-8' has 2\. Choose from: cpu, gpu-1, gpu-4\."):
        plan_kernel("gpu-8", "student1", {"ONRAMP_SITE": str(file)})
