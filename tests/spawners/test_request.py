"""The one gate for untrusted options: what passes is typed and within limits, everything else is explained."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spawners.options import READERS
from spawners.request import Request, RequestError, Resources, parse_request, resolve
from spawners.site import Site, load_site
from tests.sites.traps import TRAPS

SITE = load_site("local")
LEONARDO = load_site("leonardo")
TRAP = load_site(TRAPS)

anything: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def refusal(options: Mapping[str, object], site: Site = SITE, **named: Any) -> str:
    """The message with which options are refused."""
    with pytest.raises(RequestError) as raised:
        parse_request(options, site, **named)
    return str(raised.value)


def test_a_profile_is_enough() -> None:
    request = parse_request({"profile": "gpu-1"}, SITE)

    assert request == Request(purpose="server", profile="gpu-1")
    assert resolve(request, SITE) == Resources(
        partition="gpu",
        qos=None,
        account=None,
        reservation=None,
        nodes=1,
        cpus_per_task=2,
        mem=4000,
        gpus=1,
        time=60,
        environment=SITE.environments[0],
    )


def test_a_form_and_json_give_the_same_request() -> None:
    form = {"profile": "gpu-1", "gpus": "2", "time": "30", "safe_start": "on", "account": "", "nodes": ""}
    rest = {"profile": "gpu-1", "gpus": 2, "time": 30, "safe_start": True, "account": None}

    assert parse_request(form, SITE) == parse_request(rest, SITE)


def test_stored_options_pass_again() -> None:
    options = {"profile": "gpu-1", "gpus": "2", "account": "onboarding", "safe_start": "true"}
    request = parse_request(options, SITE)

    assert parse_request(request.model_dump(), SITE) == request
    assert parse_request(request.model_dump(exclude_none=True), SITE) == request


def test_gpu_minutes_are_what_a_start_can_cost() -> None:
    request = parse_request({"profile": "gpu-1", "gpus": 2, "time": 90}, SITE)

    assert resolve(request, SITE).gpu_minutes == 180


def test_no_gpu_is_an_answer() -> None:
    assert resolve(parse_request({"profile": "gpu-1", "gpus": "0"}, SITE), SITE).gpus == 0


def test_a_missing_profile_lists_the_choices() -> None:
    assert refusal({}) == "Option 'profile' is missing. Choose from: cpu, gpu-1."


def test_an_unknown_key_lists_the_known_ones() -> None:
    assert refusal({"profile": "cpu", "colour": "blue"}) == (
        "Unknown option 'colour'. Choose from: purpose, profile, partition, gpus, cpus_per_task, mem, time, nodes, "
        "account, qos, constraint, reservation, environment, internet, safe_start."
    )


def test_a_partition_is_one_into_which_the_profile_leads() -> None:
    assert parse_request({"profile": "cpu", "partition": "cpu"}, SITE).partition == "cpu"
    assert refusal({"profile": "cpu", "partition": "gpu"}) == (
        "Profile 'cpu' does not lead into partition 'gpu'. Choose from: cpu."
    )
    assert refusal({"profile": "cpu", "partition": "big"}) == "Option 'partition' is 'big'. Choose from: cpu, gpu."


def test_a_constraint_is_one_that_the_site_knows() -> None:
    asked = {"profile": "kinds", "account": "onboarding"}

    assert parse_request(asked | {"constraint": "v100"}, TRAP).constraint == "v100"
    assert refusal(asked | {"constraint": "h100"}, TRAP) == "Option 'constraint' is 'h100'. Choose from: a100, v100."
    assert refusal({"profile": "cpu", "constraint": "h100"}) == (
        "Option 'constraint' is 'h100'. Choose from: none at this site."
    )


@pytest.mark.parametrize("value", ["on", "true", "1", True])
def test_what_a_job_needs_of_the_site_is_asked_for_by_a_switch(value: object) -> None:
    request = parse_request({"profile": "cpu", "internet": value}, SITE)

    assert request.internet
    assert "needs_internet" in refusal({"profile": "cpu", "needs_internet": value})
    assert "no internet" in refusal({"profile": "compute", "account": "a", "internet": value}, TRAP)


@pytest.mark.parametrize("value", ["on", "off", True, False])
def test_whether_a_person_asks_is_no_option(value: object) -> None:
    assert "Unknown option 'attended'" in refusal({"profile": "cpu", "attended": value})


def test_all_mistakes_are_told_at_once() -> None:
    message = refusal({"profile": "big", "time": "60; more", "safe_start": "yes", "colour": "blue"})

    assert message.splitlines()[1:] == [
        "Option 'profile' is 'big'. Choose from: cpu, gpu-1.",
        "Option 'time' is '60; more'. It takes a whole number from 0 to 9999999.",
        "Option 'safe_start' is 'yes'. Choose from: on, true, 1, off, false, 0.",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time": 241}, "Option 'time' is 241, but profile 'gpu-1' allows 1 to 240."),
        ({"time": 0}, "Option 'time' is 0, but profile 'gpu-1' allows 1 to 240."),
        ({"nodes": 3, "gpus": 3}, "Option 'nodes' is 3, but partition 'gpu' allows 1 to 2."),
        ({"nodes": 0}, "Option 'nodes' is 0, but partition 'gpu' allows 1 to 2."),
        ({"gpus": 5}, "Option 'gpus' is 5, but partition 'gpu' allows 0 to 4."),
        (
            {"nodes": 2},
            (
                "Option 'gpus' is 1, which cannot be spread evenly over 2 nodes. "
                "Ask for 2, or for another number of nodes."
            ),
        ),
        ({"cpus_per_task": 9}, "Option 'cpus_per_task' is 9, but partition 'gpu' allows 1 to 8."),
        ({"mem": 16001}, "Option 'mem' is 16001, but partition 'gpu' allows 1 to 16000."),
        (
            {"qos": "high"},
            "Option 'qos' is 'high', which partition 'gpu' does not take. Choose from: none; leave it out.",
        ),
        ({"environment": "conda"}, "Option 'environment' is 'conda'. Choose from: onramp."),
        ({"profile": "gpu-4"}, "Option 'profile' is 'gpu-4'. Choose from: cpu, gpu-1."),
        ({"profile": "cpu", "gpus": 1}, "Option 'gpus' is 1, but partition 'cpu' allows none."),
        ({"purpose": "grading"}, "Option 'purpose' is 'grading'. Choose from: server."),
    ],
    ids=str,
)
def test_what_is_over_a_limit_is_refused_with_the_limit(options: dict[str, object], message: str) -> None:
    assert message in refusal({"profile": "gpu-1"} | options).splitlines()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"account": None}, "needs the option 'account', for example AIFAC_X00_000 or tra00_course."),
        ({"qos": "boost_qos_dbg", "time": 31}, "Option 'time' is 31, but QoS 'boost_qos_dbg' allows 1 to 30."),
        ({"qos": "dcgp_qos_dbg"}, "Choose from: normal, boost_qos_dbg, boost_qos_lprod."),
    ],
    ids=str,
)
def test_rules_of_a_site_with_accounts_and_qos(options: dict[str, object], message: str) -> None:
    assert message in refusal({"profile": "gpu-1", "account": "tra26_a"} | options, LEONARDO)


def test_the_door_decides_the_purpose() -> None:
    assert parse_request({"profile": "gpu-4"}, SITE, purpose="run").purpose == "run"
    assert "Choose from: run." in refusal({"profile": "gpu-4", "purpose": "server"}, purpose="run")


@pytest.mark.parametrize("key", READERS)
def test_no_hostile_string_passes(key: str, hostile: str) -> None:
    message = refusal({"profile": "gpu-1"} | {key: hostile})

    assert key in message
    assert message.isascii()
    assert len(message) < 1000


def test_no_hostile_key_passes(hostile: str) -> None:
    message = refusal({"profile": "gpu-1", hostile: "1"})

    assert message.startswith("Unknown option ")
    assert message.isascii()
    assert len(message) < 1000


def test_many_unknown_keys_do_not_make_a_long_message() -> None:
    assert len(refusal({f"key{number}": 1 for number in range(10_000)})) < 1000


@pytest.mark.parametrize("key", ["gpus", "cpus_per_task", "mem", "time", "nodes"])
@pytest.mark.parametrize(
    "value",
    [
        True,
        1.0,
        math.nan,
        math.inf,
        10**30,
        -1,
        "-1",
        "+1",
        "1e3",
        "0x1",
        "１",
        "1_0",
        " 1",
        "1\n",
        [1],
        {"a": 1},
        b"1",
    ],
    ids=ascii,
)
def test_only_whole_numbers_are_numbers(key: str, value: object) -> None:
    assert f"Option '{key}' is " in refusal({"profile": "gpu-1"} | {key: value})


@pytest.mark.parametrize("value", [["gpu-1"], {"gpu-1": 1}, b"gpu-1", 1, True])
def test_a_profile_is_a_string(value: object) -> None:
    assert "Option 'profile' is " in refusal({"profile": value})


@pytest.mark.parametrize("value", ["on", "true", "1", "TRUE", True])
def test_switches_that_are_on(value: object) -> None:
    assert parse_request({"profile": "cpu", "safe_start": value}, SITE).safe_start


@pytest.mark.parametrize("value", ["off", "false", "0", "", None, False])
def test_switches_that_are_off(value: object) -> None:
    assert not parse_request({"profile": "cpu", "safe_start": value}, SITE).safe_start


@given(st.dictionaries(st.sampled_from(sorted(READERS)) | st.text(), anything, max_size=6))
@example({"profile": "gpu-1", "account": "onboarding\n"})
def test_every_field_is_typed_or_refused_in_readable_text(options: dict[str, object]) -> None:
    message = ""
    try:
        request = parse_request({"profile": "gpu-1"} | options, SITE)
    except RequestError as e:
        message = str(e)
    else:
        assert parse_request(request.model_dump(), SITE) == request
    assert message.isascii()
    assert len(message) < 3000


def test_a_request_cannot_be_changed_or_extended() -> None:
    request = parse_request({"profile": "cpu"}, SITE)

    with pytest.raises(ValueError, match="frozen"):
        request.profile = "gpu-1"  # type: ignore[misc]
    with pytest.raises(ValueError, match="Extra inputs"):
        Request(profile="cpu", colour="blue")  # type: ignore[call-arg]


def test_of_several_limits_the_narrowest_is_told() -> None:
    assert refusal({"profile": "gpu-1", "time": 100_000}) == (
        "Option 'time' is 100000, but profile 'gpu-1' allows 1 to 240."
    )
    # Profile 1440 minutes, this QoS 30.
    assert refusal({"profile": "gpu-1", "account": "tra26_a", "qos": "boost_qos_dbg", "time": 100_000}, LEONARDO) == (
        "Option 'time' is 100000, but QoS 'boost_qos_dbg' allows 1 to 30."
    )


def test_a_request_that_skipped_the_gate_is_still_checked() -> None:
    with pytest.raises(RequestError, match=r"'gpu-4' is not for a server\. Choose from: cpu, gpu-1\."):
        resolve(Request(profile="gpu-4"), SITE)
    with pytest.raises(RequestError, match=r"no profile of local called 'gone'\. Choose from: cpu"):
        resolve(Request(profile="gone"), SITE)
    with pytest.raises(RequestError, match="no environment of local called 'gone'"):
        resolve(Request(profile="cpu", environment="gone"), SITE)
