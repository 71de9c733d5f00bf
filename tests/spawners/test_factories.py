"""The network of AI Factories: every factory and antenna, each leading to a system that is known or listed."""

from pathlib import Path

import pytest

from spawners.factories import FILE, Factories, load_factories
from spawners.model_file import read_model
from spawners.site import SiteError, site_names

TEXT = FILE.read_text()


def wrong(tmp_path: Path, old: str, new: str) -> str:
    """The message for a factories.yaml in which the first `old` became `new`."""
    assert old in TEXT
    path = tmp_path / "factories.yaml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(SiteError) as raised:
        read_model(path, Factories, SiteError)
    return str(raised.value).replace(str(path), "factories.yaml")


def test_the_nineteen_factories_and_thirteen_antennas_are_there() -> None:
    known = load_factories()

    assert len({factory.name for factory in known.factories}) == 19
    assert len({antenna.country for antenna in known.antennas}) == 13


def test_every_system_with_a_profile_belongs_to_a_factory() -> None:
    homeless = [name for name in site_names() if name != "local" and not load_factories().of(name)]

    assert homeless == []


def test_every_listed_system_says_what_is_to_be_learned_and_by_which_command() -> None:
    for listed in load_factories().listed:
        assert listed.name not in site_names()
        assert all(question.what and question.command for question in listed.learn)


def test_a_system_can_serve_two_factories_and_a_factory_have_two_systems() -> None:
    assert load_factories().of("leonardo") == ("IT4LIA",)
    assert next(f for f in load_factories().factories if f.name == "JAIF").systems == ("jupiter", "jureca-dc")


def test_a_factory_leads_to_the_system_of_today_and_names_the_one_to_come() -> None:
    factories = {one.name: one for one in load_factories().factories}

    assert factories["Pharos"].systems == ("aris",)
    assert [planned.system for planned in factories["Pharos"].planned] == ["DAEDALUS (GH200)"]
    assert factories["MIMER"].systems == ("arrhenius",)
    assert factories["CZAI"].planned[0].when == "within about three years of October 2025"


def test_four_factories_announced_an_experimental_platform() -> None:
    announced = {one.name for one in load_factories().factories if one.experimental}

    assert announced == {"BSC AI Factory", "LUMI AI Factory", "JAIF", "1HealthAI"}


@pytest.mark.parametrize("name", ["berzelius", "finisterrae3", "psnc-proxima"])
def test_which_gpus_a_system_has_is_asked_where_nobody_read_it(name: str) -> None:
    listed = next(one for one in load_factories().listed if one.name == name)

    assert not any("A100" in what or "H200" in what or "NVIDIA H100" in what for what in listed.known)
    assert any("GPUs" in question.what for question in listed.learn)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "systems: [leonardo]",
            "systems: [marconi]",
            "factories.yaml:16: factories.1: no system is called marconi. Known: aris, arrhenius, ",
        ),
        ("factories: [JAIF]", "factories: [Jaif]", ": antennas.2: no factory is called Jaif. Known: 1HealthAI, AI2F, "),
        ("routes: [playground]", "routes: [play]", "no route is called play. Known: ai-for-science, "),
        ("source: [routes]", "source: [hearsay]", "no source is called hearsay. Known: "),
        (
            "format: 1",
            "format: 2",
            "factories.yaml:3: format: ",
        ),
        ("selected: 2024-12-10", "selected: soon", "factories.yaml:10: factories.0.selected: "),
        ("    host: BSC", "    hosts: BSC", "hosts: is not a known key. Known here: country, "),
        ("source: [overview, wave_1]", "source: []", "factories.0.source: "),
    ],
    ids=lambda text: text[:20],
)
def test_a_mistake_names_its_place_and_the_choices(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert message in wrong(tmp_path, old, new)
