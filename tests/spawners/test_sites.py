"""The sites that come along: what each system would refuse or misplace is refused here, by name, before it is sent."""

import pytest

from spawners.resources import Ask, Request, fill
from spawners.rules import broken_rules
from spawners.site import load_site

ACCOUNTS = {
    "discoverer-plus": "ehpc-aif-2026pg01-000",
    "jean-zay": "abc@h100",
    "jupiter": "training0000",
    "jureca-dc": "training0000",
    "vega": "d2000d00-000-users",
    "karolina": "eu-00-00",
    "snellius": None,
    "helios": "plgexample-gpu-gh200",
}


def ask(name: str, **options: object) -> Ask:
    """What is asked of a site, under an account of its form where none is given."""
    site = load_site(name)
    request = Request.model_validate({"account": ACCOUNTS[name]} | options)
    return Ask(site=site, request=request, resources=fill(request, site))


def sentences(name: str, **options: object) -> list[str]:
    """What the rules of a site have against a request."""
    return [broken.sentence for broken in broken_rules(ask(name, **options))]


@pytest.mark.parametrize(
    ("name", "options", "rule"),
    [
        ("discoverer-plus", {"profile": "gpu-1", "account": None}, "account-missing"),
        ("discoverer-plus", {"profile": "gpu-1", "qos": "normal"}, "limit"),
        ("discoverer-plus", {"profile": "gpu-1", "qos": "another-project"}, "qos-unknown"),
        ("discoverer-plus", {"profile": "gpu-1", "gpus": 0}, "limit"),
        ("discoverer-plus", {"profile": "cpu", "gpus": 1}, "limit"),
        ("discoverer-plus", {"profile": "cpu", "cpus_per_task": 4}, "limit"),
        ("discoverer-plus", {"profile": "gpu-1", "cpus_per_task": 27}, "gpu-share"),
        ("discoverer-plus", {"profile": "gpu-1", "mem": 258000}, "gpu-share"),
        ("discoverer-plus", {"profile": "gpu-1", "time": 241}, "limit"),
        ("jean-zay", {"profile": "gpu-1", "account": "abc"}, "account-form"),
        ("jean-zay", {"profile": "gpu-1", "account": "abc@v100"}, "account-form"),
        ("jean-zay", {"profile": "gpu-1", "constraint": "a100"}, "constraint"),
        ("jean-zay", {"profile": "gpu-1", "mem": 64000}, "memory-asked"),
        ("jean-zay", {"profile": "gpu-1", "cpus_per_task": 48}, "gpu-share"),
        ("jean-zay", {"profile": "gpu-1", "qos": "qos_gpu_h100-dev", "time": 180}, "limit"),
        ("jean-zay", {"profile": "gpu-8", "gpus": 4, "purpose": "run"}, "whole-node"),
        ("jean-zay", {"profile": "gpu-1", "internet": True}, "no-internet"),
        ("jupiter", {"profile": "gpu-4", "gpus": 1}, "whole-node"),
        ("jupiter", {"profile": "gpu-4", "time": 721}, "limit"),
        ("jupiter", {"profile": "gpu-4", "internet": True}, "no-internet"),
        ("jureca-dc", {"profile": "gpu-4", "gpus": 2}, "whole-node"),
        ("jureca-dc", {"profile": "cpu", "cpus_per_task": 64}, "whole-node"),
        ("jureca-dc", {"profile": "gpu-4", "internet": True}, "no-internet"),
        ("vega", {"profile": "gpu-1", "gpus": 0}, "gpu-missing"),
        ("vega", {"profile": "gpu-1", "account": "d2000d00-000"}, "account-form"),
        ("karolina", {"profile": "gpu-1", "cpus_per_task": 17}, "gpu-share"),
        ("karolina", {"profile": "gpu-debug", "time": 61}, "limit"),
        ("karolina", {"profile": "cpu", "cpus_per_task": 32}, "whole-node"),
        ("karolina", {"profile": "gpu-1", "internet": True}, "no-internet"),
        ("snellius", {"profile": "gpu-1", "gpus": 0}, "gpu-missing"),
        ("snellius", {"profile": "gpu-mig", "cpus_per_task": 18}, "gpu-share"),
        ("snellius", {"profile": "gpu-1-h100", "mem": 200000}, "gpu-share"),
        ("snellius", {"profile": "gpu-8", "gpus": 2, "purpose": "run"}, "whole-node"),
        ("helios", {"profile": "cpu"}, "account-form"),
        ("helios", {"profile": "gpu-1", "account": "plgexample-cpu"}, "account-form"),
        ("helios", {"profile": "cpu", "account": "plgexample-cpu", "environment": "ml-bundle"}, "arch"),
    ],
)
def test_a_trap_of_the_system_is_refused(name: str, options: dict[str, object], rule: str) -> None:
    assert rule in [broken.rule for broken in broken_rules(ask(name, **options))]


def test_a_project_without_a_qos_is_told_what_slurm_would_take_instead() -> None:
    asked = ask("discoverer-plus", profile="gpu-1")
    bare = asked.model_copy(update={"resources": asked.resources.model_copy(update={"qos": None})})

    assert [broken.rule for broken in broken_rules(bare)] == ["qos-default"]


def test_the_qos_of_a_project_is_its_account_in_lower_case() -> None:
    resources = ask("discoverer-plus", profile="gpu-1", account="EHPC-AIF-2026PG01-000").resources

    assert resources.qos == "ehpc-aif-2026pg01-000"


def test_a_folder_that_only_login_nodes_see_is_refused() -> None:
    asked = ask("jupiter", profile="gpu-4").model_copy(update={"folders": ("/p/project1/training0000",)})

    assert [broken.rule for broken in broken_rules(asked)] == ["login-only-path"]


def test_a_qos_that_is_for_gpus_says_how_many_it_takes() -> None:
    assert sentences("discoverer-plus", profile="gpu-1", gpus=0) == [
        "Option 'gpus' is 0, but QoS 'ehpc-aif-2026pg01-000' allows 1 to 16."
    ]


def test_cpus_of_a_qos_are_counted_over_all_nodes() -> None:
    two_nodes = sentences("discoverer-plus", profile="gpu-8", purpose="run", gpus=16, cpus_per_task=209)

    assert "Option 'cpus_per_task' is 209, but QoS 'ehpc-aif-2026pg01-000' allows 1 to 208." in two_nodes
    assert sentences("discoverer-plus", profile="cpu", cpus_per_task=3) == [
        "Option 'cpus_per_task' is 3, but QoS '2cpu-single-host' allows 1 to 2."
    ]


def test_an_environment_is_chosen_that_the_processor_can_run() -> None:
    gpu = ask("helios", profile="gpu-1").resources.environment

    assert gpu is not None
    assert gpu.arch == "aarch64"
    assert ask("helios", profile="cpu", account="plgexample-cpu").resources.environment is None


@pytest.mark.parametrize(
    ("name", "account", "folder"),
    [
        ("jean-zay", "abc@h100", "/lustre/fswork/projects/rech/abc/u1/.onramp"),
        ("jean-zay", "abc@cpu", "/lustre/fswork/projects/rech/abc/u1/.onramp"),
        ("jupiter", None, "/e/home/jusers/u1/jupiter/.onramp"),
    ],
)
def test_a_runtime_folder_names_the_project_and_not_the_kind_of_node(
    name: str, account: str | None, folder: str
) -> None:
    assert load_site(name).runtime("u1", account) == folder
