"""What Slurm lets a person choose, on a Slurm that the test plays."""

from datetime import UTC, datetime, timedelta

import pytest

from hub_config.pages import options_form
from hub_config.pages.choices import choices, from_site, open_to, words
from spawners.environment import Environment
from spawners.request import RequestError, parse_request
from spawners.scheduler import Reservation
from spawners.site import Site, load_site
from tests.fake_slurm import FakeSlurm
from tests.hub_config.pages.test_offers import ME, door, html, money, spawner

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def reservation(**values: object) -> Reservation:
    given = {"name": "course", "partition": "gpu", "start": NOW, "end": NOW + timedelta(hours=2)}
    return Reservation.model_validate(given | {"users": frozenset(), "accounts": frozenset()} | values)


def line(name: str, *, users: str = "(null)", accounts: str = "(null)", hours: int = 1) -> str:
    end = (datetime.now() + timedelta(hours=hours)).isoformat(timespec="seconds")
    return (
        f"ReservationName={name} StartTime=2026-01-01T08:00:00 EndTime={end} Duration=01:00:00 Features=(null) "
        f"PartitionName=gpu Flags=SPEC_NODES Users={users} Groups=(null) Accounts={accounts} State=ACTIVE"
    )


def rights(fake: FakeSlurm, *rows: str) -> None:
    fake.answer("sacctmgr", out="".join(f"{row}\n" for row in rows))


async def test_only_what_is_the_persons_own(fake_slurm: FakeSlurm) -> None:
    rights(fake_slurm, "eu-26-01||boost_qos_dbg,normal,qos_of_others")
    lines = [line("mine", users=f"bob,{ME.name}"), line("ours", accounts="eu-26-01"), line("theirs", users="bob")]
    fake_slurm.answer("scontrol", out="\n".join([*lines, line("over", users=ME.name, hours=-1), ""]))

    found = await choices(door(load_site("leonardo"), fake_slurm), ME.name)
    assert list(found.qos) == ["boost_qos_dbg", "normal"]
    assert list(found.reservation) == ["mine", "ours"]
    assert found.reservation["mine"].startswith("mine, gpu, until ")


async def test_a_choice_of_one_is_none(site: Site, fake_slurm: FakeSlurm) -> None:
    rights(fake_slurm, "onboarding||normal")
    fake_slurm.answer("scontrol", out="No reservations in the system\n")

    assert await choices(door(site, fake_slurm), "student1") == from_site(site)


async def test_partitions_are_those_among_which_a_profile_has_a_choice(fake_slurm: FakeSlurm) -> None:
    fake_slurm.answer("scontrol", out="")
    rights(fake_slurm, "eu-26-01||")
    every = await choices(door(load_site("karolina"), fake_slurm), ME.name)
    rights(fake_slurm, *(f"eu-26-01|{name}|" for name in [*every.partition][:2]), "eu-26-01|elsewhere|")
    few = await choices(door(load_site("karolina"), fake_slurm), ME.name)
    assert list(few.partition) == [*every.partition][:2]


@pytest.mark.parametrize("command", ["sacctmgr", "scontrol"])
async def test_a_slurm_that_does_not_answer_offers_less(site: Site, fake_slurm: FakeSlurm, command: str) -> None:
    rights(fake_slurm, "onboarding||normal")
    fake_slurm.answer(command, err="error: Unable to contact slurm controller", code=1)

    assert await choices(door(site, fake_slurm), "student1") == from_site(site)


async def test_a_page_of_many_people_asks_for_reservations_once(site: Site, fake_slurm: FakeSlurm) -> None:
    one = door(site, fake_slurm)
    for user in ("alice", "bob", "alice"):
        await choices(one, user)
    assert len(fake_slurm.calls("scontrol")) == 1
    assert len(fake_slurm.calls("sacctmgr")) == 2


@pytest.mark.parametrize(
    ("values", "is_open"),
    [
        ({"users": frozenset({"me"})}, True),
        ({"accounts": frozenset({"mine", "other"})}, True),
        ({"users": frozenset({"you"})}, False),
        ({}, False),
        ({"users": frozenset({"me"}), "end": NOW}, False),
        ({"users": frozenset({"me"}), "end": None}, True),
    ],
)
def test_whose_a_reservation_is(values: dict[str, object], is_open: bool) -> None:
    assert open_to(reservation(**values), "me", {"mine"}, NOW) is is_open


def test_a_reservation_that_has_yet_to_begin() -> None:
    later = datetime.now(UTC) + timedelta(days=2)
    assert f"from {later.astimezone():%d %B, %H:%M}" in words(reservation(start=later, end=None))


async def test_a_reservation_is_a_list_on_the_page(site: Site, fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "onboarding|||")
    fake_slurm.answer("scontrol", out=line("course", users=ME.name))

    text = await html(site, fake_slurm)
    assert '<select id="reservation" name="reservation"> <option value="">None</option> <option value="course"' in text
    assert 'name="qos"' not in text


def with_environments(site: Site) -> Site:
    """The site with software for two processors, of which its nodes have one."""
    made = [Environment(name=name, kind="venv", path=f"/srv/{name}", arch="x86_64") for name in ("usual", "torch")]
    other = Environment(name="arm", kind="venv", path="/srv/arm", arch="aarch64")
    return site.model_copy(update={"environments": (*made, other)})


async def test_the_environments_that_fit(site: Site, fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "onboarding|||")
    site = with_environments(site)

    text = await html(site, fake_slurm)
    options = (
        '<option value="">The usual one</option> <option value="usual" >usual</option> <option value="torch" >torch'
    )
    assert f'<select id="environment" name="environment"> {options}' in text
    assert 'value="arm"' not in text
    assert parse_request({"profile": "cpu", "environment": "torch"}, site).environment == "torch"
    with pytest.raises(RequestError, match="built for aarch64"):
        parse_request({"profile": "cpu", "environment": "arm"}, site)


async def test_one_environment_is_no_choice(site: Site, fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "onboarding|||")
    assert 'id="environment"' not in await html(site, fake_slurm)


def test_numbers_that_the_site_leaves_open() -> None:
    def shown(name: str) -> dict[str, int | None]:
        return {one.key: one.most for one in from_site(load_site(name)).numbers}

    assert shown("local") == {"cpus_per_task": 8, "mem": 16000, "gpus": 8, "nodes": 2}
    assert "mem" not in shown("jean-zay")  # memory comes with the CPUs


@pytest.mark.parametrize("key", ["cpus_per_task", "mem", "gpus", "nodes"])
async def test_a_number_that_is_refused_stands_at_its_field(site: Site, fake_slurm: FakeSlurm, key: str) -> None:
    refusal = f"Option '{key}' is 99999, but partition 'gpu' allows 1 to 8."
    text = await options_form(spawner(door(site, fake_slurm)), {"profile": "gpu-1", key: "99999"}, refusal)

    assert f'value="99999" placeholder="as usual" aria-invalid="true" aria-describedby="{key}-refused"' in " ".join(
        text.split()
    )
    assert 'onramp-more" open' in text
