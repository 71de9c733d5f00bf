"""Lanes: which way into the queue starts soonest, on a Slurm that the test plays."""

import asyncio
import getpass
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spawners.accounts import Account
from spawners.foresight import in_words
from spawners.lanes import Lanes, ways, with_lane
from spawners.ledger import Ledger
from spawners.request import Request, parse_request
from spawners.scheduler import PastJob
from spawners.site import Lane, Partition, Site
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.spawners.test_slurm import DirectLauncher

ME = Account(name=getpass.getuser(), uid=os.getuid(), gid=os.getgid(), home="/")


@pytest.fixture
def busy(site: Site) -> Site:
    """The factory's site with a queue for short tests, an idle queue that gives way, and a second partition."""
    gpu = Partition.model_validate(
        site.partition("gpu").model_dump()
        | {
            "qos": [
                {"name": "normal"},
                {"name": "debug", "max_time": 30},
                {"name": "idle", "preemptible": True},
                {"name": "p{account}"},
            ],
        }
    )
    spare = gpu.model_copy(update={"name": "spare", "qos": ()})
    lanes = (Lane(partition="gpu", qos="debug"), Lane(partition="gpu", qos="idle"), Lane(partition="spare"))
    profiles = tuple(
        profile.model_copy(update={"qos": "normal", "lanes": (*lanes, Lane(partition="gpu", qos="p{account}"))})
        if profile.name == "gpu-1"
        else profile
        for profile in site.profiles
    )
    return site.model_copy(update={"partitions": (site.partition("cpu"), gpu, spare), "profiles": profiles})


@pytest.fixture
def lanes(busy: Site, fake_slurm: FakeSlurm) -> Lanes:
    slurm = Slurm(DirectLauncher(fake_slurm), bin=str(fake_slurm.bin))
    return Lanes(busy, slurm, Ledger("sqlite://", "hub1"))


def request(**options: Any) -> Request:
    return Request.model_validate({"profile": "gpu-1", "time": 30, "account": "Course"} | options)


async def test_the_lane_that_starts_soonest(lanes: Lanes, fake_slurm: FakeSlurm) -> None:
    fake_slurm.starts(normal=300, debug=5, idle=0, spare=20, pcourse=90)

    way = await lanes.soonest(request(), ME)
    assert (way.number, way.request.qos, way.request.partition) == (1, "debug", "gpu")
    assert way.start is not None
    assert timedelta(minutes=4) < way.start - datetime.now(UTC) < timedelta(minutes=6)


async def test_a_lane_that_does_not_allow_the_time_is_not_asked(lanes: Lanes, fake_slurm: FakeSlurm) -> None:
    fake_slurm.starts(normal=300, debug=0, spare=20, pcourse=90)

    assert (await lanes.soonest(request(time=60), ME)).request.partition == "spare"
    assert not [call for call in fake_slurm.calls("sbatch") if "debug" in call["stdin"]]


async def test_the_qos_of_an_account(lanes: Lanes, fake_slurm: FakeSlurm) -> None:
    fake_slurm.starts(normal=300, pcourse=10)

    way = await lanes.soonest(request(), ME)
    assert (way.number, way.request.qos) == (4, "pcourse")


async def test_a_start_that_was_shown_is_known_without_asking(lanes: Lanes, fake_slurm: FakeSlurm) -> None:
    fake_slurm.starts(normal=300, debug=5)
    assert lanes.told(request(), ME) is None

    way = await lanes.soonest(request(), ME)
    by_name = lanes.told(request(qos="debug", partition="gpu"), ME)
    assert by_name is not None
    assert way.foreseen is not None
    assert by_name.model_dump() == pytest.approx(way.foreseen.model_dump(), abs=10)
    assert (by_name.partition, by_name.qos) == ("gpu", "debug")
    assert lanes.told(request(time=29), ME) is None
    assert len(fake_slurm.calls("sbatch")) == 4


async def test_a_range_comes_without_accounting_and_without_the_ledger(busy: Site, fake_slurm: FakeSlurm) -> None:
    fake_slurm.starts(normal=300)
    fake_slurm.answer("sacct", err="sacct: error: slurmdbd is down", code=1)
    slurm = Slurm(DirectLauncher(fake_slurm), bin=str(fake_slurm.bin))

    way = await Lanes(busy, slurm, Ledger("sqlite:////nonexistent/ledger", "hub1")).soonest(request(), ME)
    assert way.foreseen is not None
    assert in_words(way.foreseen.range) == "within about 10 hours"


async def test_on_a_tie_the_profiles_own_lane_is_taken(lanes: Lanes, fake_slurm: FakeSlurm) -> None:
    fake_slurm.starts(normal=-60, debug=-90, spare=-1)

    way = await lanes.soonest(request(), ME)
    assert (way.number, way.request) == (0, request())


async def test_a_server_is_not_put_where_others_may_end_it(lanes: Lanes, fake_slurm: FakeSlurm) -> None:
    fake_slurm.starts(idle=0, normal=300)

    assert (await lanes.soonest(request(), ME)).number == 0


@pytest.mark.parametrize(
    "failure", [{"err": "sbatch: error: Unable to contact slurm controller", "code": 1}, {"out": ""}]
)
async def test_where_slurm_does_not_say_the_own_lane_is_taken(
    lanes: Lanes, fake_slurm: FakeSlurm, failure: dict[str, Any]
) -> None:
    fake_slurm.answer("sbatch", **failure)

    way = await lanes.soonest(request(), ME)
    assert (way.number, way.start) == (0, None)


async def test_a_request_that_breaks_a_rule_everywhere_is_not_asked_about(lanes: Lanes, fake_slurm: FakeSlurm) -> None:
    way = await lanes.soonest(request(time=100_000), ME)

    assert (way.number, way.start) == (0, None)
    assert not fake_slurm.calls("sbatch")


async def test_a_page_that_many_load_asks_once(lanes: Lanes, fake_slurm: FakeSlurm) -> None:
    fake_slurm.starts(normal=300)

    await asyncio.gather(*(lanes.soonest(request(), ME) for _ in range(20)))
    assert len(fake_slurm.calls("sbatch")) == 4


async def test_another_person_is_asked_about_anew(busy: Site, fake_slurm: FakeSlurm) -> None:
    asked: list[str] = []

    class Names:
        """A scheduler that only writes down for whom it was asked."""

        async def test(self, user: str, script: object) -> None:
            asked.append(user)

        async def past(self, partitions: object, hours: int) -> tuple[PastJob, ...]:
            return ()

    lanes = Lanes(busy, Names(), Ledger("sqlite://", "hub1"))
    for user in ("a", "b", "a"):
        await lanes.soonest(request(), ME.model_copy(update={"name": user}))
    assert asked == ["a"] * 4 + ["b"] * 4


def test_the_lane_that_was_shown_becomes_options(busy: Site) -> None:
    options = {"profile": "gpu-1", "time": "30", "account": "Course", "lane-gpu-1": "4", "lane-cpu": "1"}

    assert with_lane(options, busy) == {
        "profile": "gpu-1",
        "time": "30",
        "account": "Course",
        "partition": "gpu",
        "qos": "pcourse",
    }
    assert parse_request(with_lane(options, busy), busy).qos == "pcourse"


def test_a_lane_is_left_where_what_was_asked_does_not_fit(busy: Site) -> None:
    options = {"profile": "gpu-1", "time": "60", "lane-gpu-1": "1"}

    assert with_lane(options, busy) == {"profile": "gpu-1", "time": "60"}


@pytest.mark.parametrize("number", ["", "0", "5", "-1", "x", "1.0", "99999999999999", "²", ["1", "2"], None])
def test_a_number_that_is_no_lane_is_left(busy: Site, number: object) -> None:
    assert with_lane({"profile": "gpu-1", "lane-gpu-1": number}, busy) == {"profile": "gpu-1"}


def test_what_is_no_lane_of_a_profile_is_left_for_the_gate_to_refuse(busy: Site, hostile: str) -> None:
    options = {"profile": "gpu-1", f"lane-{hostile}": "1", "lane-huge": "1"}

    assert with_lane(options, busy) == options
    assert with_lane({"profile": hostile, "lane-gpu-1": "1"}, busy) == {"profile": hostile}
    assert with_lane({"profile": "gpu-1", "lane-gpu-1": hostile}, busy) == {"profile": "gpu-1"}


def test_ways_are_in_the_order_of_the_file(busy: Site) -> None:
    assert [number for number, _ in ways(busy, request())] == [0, 1, 3, 4]
