"""Checking a site: its own profiles, for every purpose and through every lane, against its own rules."""

import pytest

from spawners.site import Site, load_site, site_names
from spawners.site_check import check_site, sample_account
from spawners.site_parts import Lane


def changed(site: Site, profile: str, **values: object) -> Site:
    """The site with one profile changed."""
    profiles = [p.model_copy(update=values) if p.name == profile else p for p in site.profiles]
    return site.model_copy(update={"profiles": tuple(profiles)})


@pytest.mark.parametrize("name", site_names())
def test_every_site_that_comes_along_passes_its_own_rules(name: str) -> None:
    found = check_site(load_site(name))

    assert found.mistakes == ()
    assert found.tried >= len(load_site(name).profiles)


def test_a_profile_that_its_site_refuses_is_named_with_the_rule_and_the_sentence() -> None:
    found = check_site(changed(load_site("local"), "gpu-1", purposes=("run",), time=300, max_time=300))

    assert found.mistakes == (
        "profile gpu-1, for a run: limit: Option 'time' is 300, but partition 'gpu' allows 1 to 240.",
    )


def test_each_lane_is_tried_no_longer_than_it_allows() -> None:
    site = load_site("leonardo")
    lane = Lane(partition="boost_usr_prod", qos="boost_qos_dbg")
    alone = site.model_copy(
        update={"profiles": (site.profile("gpu-1").model_copy(update={"lanes": (lane,), "fallback": None}),)}
    )

    found = check_site(alone)

    assert found.mistakes == ()
    assert found.tried == 2 * len(alone.profiles[0].purposes)


def test_profiles_that_nobody_has_run_are_told() -> None:
    assert check_site(load_site("local")).open == "every profile verified"
    assert check_site(changed(load_site("local"), "cpu", verified=False)).open == "not verified on the system: cpu"


def test_profiles_without_an_environment_are_told_and_are_no_mistake() -> None:
    found = check_site(load_site("helios"))

    assert found.mistakes == ()
    assert found.open.endswith("; refused as environment-missing: cpu")
    assert "refused as environment-missing: cpu, gpu-debug, gpu-4, gpu-8" in check_site(load_site("meluxina")).open


def test_an_account_of_the_sites_form_is_made_up() -> None:
    assert sample_account("{project}@h100") == "project1@h100"
