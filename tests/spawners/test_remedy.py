"""The starts that are offered after an end: fitting, within the rules, and none where none would be taken."""

from collections.abc import Mapping
from typing import get_args

import pytest

from spawners.ending import Cause, Ending
from spawners.remedy import again, remedies
from spawners.request import parse_request
from spawners.site import load_site

LOCAL = load_site("local")
SYSTEMS = ("local", "leonardo", "lumi", "mn5-acc", "jupiter", "vega")


def ended(cause: Cause) -> Ending:
    return Ending(cause=cause, sentence="It ended.")


def offered(cause: Cause, **options: object) -> list[str]:
    return [remedy.label for remedy in remedies(ended(cause), options, LOCAL)]


def fields(cause: Cause, **options: object) -> list[dict[str, str]]:
    return [dict(remedy.fields) for remedy in remedies(ended(cause), options, LOCAL)]


@pytest.mark.parametrize("cause", ["node", "preempted", "requeued", "cancelled", "stopped", "idle", "unknown", "done"])
def test_the_same_again(cause: Cause) -> None:
    assert offered(cause, profile="cpu") == ["Start again"]


@pytest.mark.parametrize(
    ("options", "label", "chosen"),
    [
        ({"profile": "cpu"}, "Start again with 4 GB of memory", {"profile": "cpu", "mem": "4000"}),
        ({"profile": "cpu", "mem": "6000"}, "Start again with 8 GB of memory", {"profile": "cpu", "mem": "8000"}),
        ({"profile": "cpu", "mem": 8000}, "Start again", {"profile": "cpu", "mem": "8000"}),
        ({}, "Start again with 4 GB of memory", {"profile": "cpu", "mem": "4000"}),
    ],
)
def test_more_memory_up_to_what_a_node_has(options: dict[str, object], label: str, chosen: Mapping[str, str]) -> None:
    assert (offered("memory", **options)[0], fields("memory", **options)[0]) == (label, chosen)


def test_a_larger_profile_where_memory_comes_with_the_profile() -> None:
    """As where a partition has no more: then the next profile for servers that does."""
    small = [one.model_copy(update={"mem_per_node": 2000}) if one.name == "cpu" else one for one in LOCAL.partitions]
    site = LOCAL.model_copy(update={"partitions": tuple(small)})
    first = remedies(ended("memory"), {"profile": "cpu", "time": 30}, site)[0]
    assert (first.label, dict(first.fields)) == (
        "Start One GPU, with 4 GB of memory",
        {"profile": "gpu-1", "time": "30"},
    )


@pytest.mark.parametrize(
    ("time", "labels"),
    [
        (None, ["Start again", "Start again for up to 2 hours"]),
        (150, ["Start again", "Start again for up to 4 hours"]),
        (240, ["Start again"]),
    ],
)
def test_more_time_up_to_the_longest(time: int | None, labels: list[str]) -> None:
    assert offered("time", profile="gpu-1", time=time) == labels


def test_a_safe_start_once() -> None:
    label = "Start safely, without your own settings"
    assert offered("environment", profile="cpu") == [label, "Start again"]
    assert offered("disk", profile="cpu") == ["Start again", label]
    assert fields("environment", profile="cpu")[0] == {"profile": "cpu", "safe_start": "true"}
    assert offered("environment", profile="cpu", safe_start=True) == ["Start again"]


@pytest.mark.parametrize("options", [{"profile": "gone"}, {"profile": "cpu", "colour": "blue"}, {"profile": ["cpu"]}])
def test_what_the_site_does_not_take_any_more_is_not_offered(options: dict[str, object]) -> None:
    assert again(options, LOCAL) is None
    assert offered("time", **options) == []


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("cause", get_args(Cause))
def test_whatever_is_offered_passes_the_gate_as_a_form(system: str, cause: Cause) -> None:
    site = load_site(system)
    for profile in (one for one in site.profiles if "server" in one.purposes):
        options = {"profile": profile.name, "account": site.account.example.split()[0]}
        for remedy in remedies(ended(cause), options, site):
            assert parse_request(dict(remedy.fields), site).profile
