"""Sites: what comes with Onramp is complete and honest, and mistakes in a file are named with their line."""

from pathlib import Path

import pytest
import yaml

from spawners.site import SITES, SiteError, load_site, site_names

LOCAL = (SITES / "local.yaml").read_text()


def wrong(tmp_path: Path, old: str, new: str) -> str:
    """The message for a local.yaml in which the first `old` became `new`."""
    assert old in LOCAL
    path = tmp_path / "site.yaml"
    path.write_text(LOCAL.replace(old, new, 1))
    with pytest.raises(SiteError) as raised:
        load_site(path)
    return str(raised.value).replace(str(path), "site.yaml")


@pytest.mark.parametrize("name", site_names())
def test_every_site_loads_under_its_own_name(name: str) -> None:
    assert load_site(name).name == name


def test_the_sites_that_come_along() -> None:
    assert {"local", "leonardo", "lumi"} <= set(site_names())


@pytest.mark.parametrize("name", [name for name in site_names() if name != "local"])
def test_what_was_not_run_on_the_machine_is_not_called_verified(name: str) -> None:
    site = load_site(name)

    assert not any(profile.verified for profile in site.profiles)


@pytest.mark.parametrize("name", [name for name in site_names() if name != "local"])
def test_every_part_of_a_site_says_how_well_it_is_known(name: str) -> None:
    site = load_site(name)

    expected = {"scheduler", "arch", "gpu", "partitions", "account", "memory", "interface", "paths", "internet"}
    assert expected | {"policy", "environments", "profiles"} == set(site.facts)
    for key, fact in site.facts.items():
        assert bool(fact.source) == (fact.confidence != "unknown"), key


@pytest.mark.parametrize("name", site_names())
def test_a_note_without_public_address_is_unpublished(name: str) -> None:
    for source in load_site(name).sources.values():
        assert (source.kind == "user") == (source.ref == "unpublished")


@pytest.mark.parametrize("name", site_names())
def test_every_site_has_a_profile_without_and_one_with_a_gpu_for_servers(name: str) -> None:
    gpus = [profile.gpus for profile in load_site(name).profiles if "server" in profile.purposes]

    assert gpus[0] == 0
    assert 1 in gpus


def test_an_unknown_site_lists_the_choices() -> None:
    with pytest.raises(SiteError, match=r"There is no site 'marconi'\. Choose from: .*leonardo, local, lumi"):
        load_site("marconi")


def test_a_name_is_never_a_path() -> None:
    with pytest.raises(SiteError, match="There is no site"):
        load_site("..")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"gone\.yaml: cannot be read: .*No such file"):
        load_site(tmp_path / "gone.yaml")


def test_text_that_is_no_yaml(tmp_path: Path) -> None:
    assert wrong(tmp_path, "scheduler: slurm", "scheduler: [slurm").startswith("site.yaml: is not YAML")


def test_a_yaml_tag_runs_nothing(tmp_path: Path) -> None:
    assert "is not YAML" in wrong(tmp_path, "title: A factory", "title: !!python/object/apply:os.getcwd []\n#")


def test_an_unknown_key_names_file_line_key_and_the_known_keys(tmp_path: Path) -> None:
    message = wrong(tmp_path, "    cpus_per_task: 2", "    ram: 3\n    cpus_per_task: 2")

    line = LOCAL[: LOCAL.index("    cpus_per_task: 2")].count("\n") + 1
    assert message.startswith(f"site.yaml:{line}: profiles.0.ram: is not a known key. Known here: cpus_per_task, ")


def test_a_wrong_value_names_the_choices(tmp_path: Path) -> None:
    message = wrong(tmp_path, "scheduler: slurm", "scheduler: lsf")

    assert message == "site.yaml:4: scheduler: Input should be 'slurm' or 'pbs' (found: 'lsf')"


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    message = wrong(tmp_path, "scheduler: slurm\narch: x86_64", "scheduler: lsf\narch: sparc")

    assert len(message.splitlines()) == 2


def test_a_missing_key(tmp_path: Path) -> None:
    assert wrong(tmp_path, "arch: x86_64\n", "") == "site.yaml:2: arch: Field required"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "partition: cpu\n",
            "partition: cqpu\n",
            "There is no partition of local called 'cqpu'. Choose from: cpu, gpu.",
        ),
        ("partition: cpu\n", "partition: cpu\n    qos: x\n", "There is no QoS of partition cpu called 'x'."),
        ("name: gpu-1", "name: cpu", "defined twice: cpu"),
        ("    time: 240", "    time: 999", "profile cpu: time 999 is over its max_time 480"),
        ("gpus: 8", "gpus: 7", "profile gpu-8: 7 GPUs cannot be spread over 2 nodes"),
        ("gpu: {", "#gpu: {", "profile gpu-1 asks for GPUs, but the site has no 'gpu' section"),
        ("source: [factory]", "source: [rumour]", "cites 'rumour', which is not in sources: factory"),
        ("  gpu: { confidence", "  gpus: { confidence", "facts.gpus is not a key of a site. Known: name, title"),
        ("path: /srv/onramp/venv", "lock: null", "an environment of kind 'venv' needs 'path'"),
        ("kind: venv", "kind: module", "an environment of kind 'module' names at least one module"),
    ],
    ids=lambda value: value[:20],
)
def test_contradictions_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert message in wrong(tmp_path, old, new)


def test_nothing_hostile_is_a_partition(tmp_path: Path, hostile: str) -> None:
    data = yaml.safe_load(LOCAL)
    data["partitions"][0]["name"] = data["profiles"][0]["partition"] = hostile
    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump(data))

    with pytest.raises(SiteError):
        load_site(path)


def test_a_site_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_site("local").title = "mine"
