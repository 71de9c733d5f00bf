"""The start page's offers at sites of many kinds, on a Slurm that the test plays."""

import getpass
import os
import re
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from hub_config.pages import options_form
from hub_config.pages.offers import Start, caution, offers
from spawners.accounts import Account, Accounts
from spawners.door import Door
from spawners.ledger import Ledger
from spawners.site import Site, load_site, site_names
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.spawners.test_slurm import DirectLauncher

GAP = "\N{NARROW NO-BREAK SPACE}"
ME = Account(name=getpass.getuser(), uid=os.getuid(), gid=os.getgid(), home="/")


def money(fake: FakeSlurm, *rows: str) -> None:
    """Give the person these accounts: rows of name|user|limits|used, the default account first."""
    names = [row.split("|")[0] for row in rows]
    fake.answer("sacctmgr", out="".join(f"{name}|{names[0]}\n" for name in names))
    fake.answer("sshare", out="".join(f"{row}\n" for row in rows))


def spawner(door: Door) -> Any:
    """As much of JupyterHub's spawner as a page asks."""
    return SimpleNamespace(
        door=lambda: door,
        account=lambda: ME,
        display_name="",
        name="",
        user=SimpleNamespace(name="alice"),
        orm_spawner=SimpleNamespace(user_options={}),
    )


def door(site: Site, fake: FakeSlurm) -> Door:
    slurm = Slurm(DirectLauncher(fake), bin=str(fake.bin))
    return Door(
        hub="hub1",
        site=site,
        scheduler=slurm,
        accounts=Accounts(lambda _user: ME.name),
        ledger=Ledger("sqlite://", "hub1"),
    )


async def page(site: Site, fake: FakeSlurm) -> Start:
    one = door(site, fake)
    return await offers(one, spawner(one))


async def html(site: Site, fake: FakeSlurm) -> str:
    """The choices as the browser gets them, white space made one."""
    return re.sub(r"\s+", " ", await options_form(spawner(door(site, fake)), wait=True))


def cost(start: Start, profile: str) -> str:
    return next(offer.cost for offer in start.offers if offer.profile.name == profile).replace(GAP, " ")


async def test_a_price_in_the_sites_own_unit_of_what_is_left(fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "gusr000001||billing=60000|billing=600")

    start = await page(load_site("snellius"), fake_slurm)
    assert cost(start, "gpu-1") == "Costs up to 128 SBU of 990 left."
    assert cost(start, "cpu") == "Costs up to 32 SBU of 990 left."
    assert start.accounts == {"gusr000001": "990 SBU left"}


async def test_node_hours_and_what_is_too_dear(fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "eu-26-01||node=60,gres/gpu=30|")

    start = await page(load_site("karolina"), fake_slurm)
    assert cost(start, "gpu-1") == "Needs 0.125 node-hours; 0.062 are left."
    assert cost(start, "cpu") == "Costs up to 1 node-hour of 1 left."


async def test_free_of_charge(fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "abc@h100|||", "abc@cpu|||")

    start = await page(load_site("jean-zay"), fake_slurm)
    assert cost(start, "cpu") == "Free of charge."
    assert cost(start, "gpu-1") == "Costs up to 1 GPU-hour."
    assert start.accounts == {"abc@h100": "no limit on GPU-hours", "abc@cpu": "no limit on GPU-hours"}


async def test_each_kind_of_node_is_asked_about_with_its_own_account(fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "abc@h100|||", "abc@cpu|||")
    fake_slurm.starts(prepost=0, **{"qos_gpu_h100-dev": 0, "qos_gpu_h100-t3": 0, "qos_gpu_h100-t4": 0})

    await page(load_site("jean-zay"), fake_slurm)
    asked = [call["stdin"] for call in fake_slurm.calls("sbatch")]
    assert all(("--account=abc@cpu" in text) == ("--partition=prepost" in text) for text in asked)


def daily(fake: FakeSlurm, *rows: tuple[datetime, datetime, str]) -> None:
    """Have sacct tell these jobs, with the delimiter that it is asked to use."""
    fake.daily([[f"{start:%Y-%m-%dT%H:%M:%S}", f"{end:%Y-%m-%dT%H:%M:%S}", tres] for start, end, tres in rows])


async def test_what_a_site_calls_a_gpu_is_named(fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "project_465000001|||")

    lumi = await page(load_site("lumi"), fake_slurm)
    assert [offer.brings for offer in lumi.offers if offer.profile.name == "gpu-1"] == [
        "7 CPUs, 61.4 GB of memory, 1 GPU (GCD), for up to 1 hour"
    ]


async def test_how_long_the_budget_lasts(site: Site, fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "onboarding||gres/gpu=6000|gres/gpu=600")
    noon = datetime.combine(date.today() - timedelta(days=9), datetime.min.time()) + timedelta(hours=12)
    daily(fake_slurm, (noon, noon + timedelta(hours=5), "cpu=8,gres/gpu=2,node=1"))

    ends = date.today() + timedelta(days=90)
    told = (await page(site, fake_slurm)).budget.replace(GAP, " ")
    assert told == (
        "Account onboarding: 5 400 GPU minutes left, which lasts until about "
        f"{ends.day} {ends:%B %Y} at the rate of the last two weeks."
    )


async def test_a_budget_that_nobody_uses(site: Site, fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "onboarding||gres/gpu=6000|")

    assert (await page(site, fake_slurm)).budget == f"Account onboarding: 6{GAP}000 GPU minutes left."


@pytest.mark.parametrize("failure", [{"err": "sacct: error: slurmdbd is down", "code": 1}, {"out": "\x1f"}])
async def test_accounting_that_does_not_answer_takes_nothing_else_from_the_page(
    site: Site, fake_slurm: FakeSlurm, failure: dict[str, Any]
) -> None:
    money(fake_slurm, "onboarding||gres/gpu=6000|")
    fake_slurm.answer("sacct", **failure)

    start = await page(site, fake_slurm)
    assert start.budget == f"Account onboarding: 6{GAP}000 GPU minutes left."
    assert start.trouble == ""
    assert cost(start, "gpu-1") == "Uses up to 60 of 6 000 GPU minutes left."


async def test_the_lane_that_is_sooner_and_the_smaller_profile_that_is_sooner_still(fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "eu-26-01|||")
    fake_slurm.starts(qcpu=60, qcpu_exp=600, qgpu=300, qgpu_exp=90, qgpu_preempt=0)

    start = await page(load_site("karolina"), fake_slurm)
    found = {offer.profile.name: (offer.starts, offer.lane, offer.instead) for offer in start.offers}
    assert found == {
        "cpu": ("Starts within about 2 hours.", 0, None),
        "gpu-debug": ("Starts within about 3 hours.", 0, None),
        "gpu-1": ("Starts within about 3 hours, in the queue qgpu_exp.", 1, None),
    }


async def test_a_range_learns_from_how_jobs_use_their_time(site: Site, fake_slurm: FakeSlurm) -> None:
    """All jobs end half-way to their limits."""
    money(fake_slurm, "onboarding|||")
    fake_slurm.starts(gpu=300)
    fake_slurm.past([["gpu", "1000000060", "1000007260", "240"]] * 40)

    start = await page(site, fake_slurm)
    starts = {offer.profile.name: offer.starts for offer in start.offers}
    assert starts == {"cpu": "", "gpu-1": "Starts in about 1 to 3 hours."}


async def test_one_click_takes_what_starts_now(fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "gusr000001|||")
    fake_slurm.starts(rome=0, gpu_mig=0, gpu_a100=300, gpu_h100=2000)

    text = await html(load_site("snellius"), fake_slurm)
    assert 'data-choose="profile-gpu-mig">Starts at once: Part of a GPU</button>' in text
    assert 'data-choose="profile-gpu-1">Starts within about 10 hours: One GPU</button>' in text
    assert text.count("data-choose") == 2


async def test_a_profile_that_the_person_may_not_use(site: Site, fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "onboarding|||")
    fake_slurm.starts(cpu=0)
    fake_slurm.refuse(gpu="User's group not permitted to use this partition")

    text = await html(site, fake_slurm)
    assert "Not open to you. Slurm says: User&#39;s group not permitted to use this partition." in text
    assert re.search('value="gpu-1" required disabled', text)
    assert re.search('value="cpu" required checked', text)
    assert "gpu-1" not in "".join(re.findall('data-choose="[^"]*"', text))


async def test_another_account_may_be_let_in(site: Site, fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "onboarding|||", "sme|||")
    fake_slurm.refuse(gpu="Invalid account or account/partition combination specified")

    offer = next(one for one in (await page(site, fake_slurm)).offers if one.profile.name == "gpu-1")
    assert offer.refusal.startswith("Not open to the account onboarding. Slurm says: Invalid account")
    assert not offer.closed


async def test_what_waiting_may_change_closes_nothing(site: Site, fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "onboarding|||")
    fake_slurm.refuse(gpu="Requested nodes are busy", cpu="Job violates accounting/QOS policy (job submit limit)")

    assert [(one.refusal, one.closed) for one in (await page(site, fake_slurm)).offers] == [("", False)] * 2


async def test_a_page_of_the_same_person_asks_nothing_again(site: Site, fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "onboarding||gres/gpu=6000|")
    one = door(site, fake_slurm)
    assert "Uses up to 60 GPU minutes." in (await options_form(spawner(one)))
    assert not fake_slurm.calls("sacctmgr")
    for wait in (True, False, True):
        text = (await options_form(spawner(one), wait=wait)).replace(GAP, " ")
        assert "Uses up to 60 of 6 000 GPU minutes left." in text
        assert "data-pending" not in text
    assert len(fake_slurm.calls("sshare")) == 1


async def test_the_lane_goes_into_the_form(fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "eu-26-01|||")
    fake_slurm.starts(qgpu=300, qgpu_exp=90)

    text = await html(load_site("karolina"), fake_slurm)
    assert '<input type="hidden" name="lane-gpu-1" value="1" />' in text
    assert text.count('type="hidden"') == 1


async def test_what_nobody_has_tried_is_said_once(fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "gusr000001|||")
    text = await html(load_site("snellius"), fake_slurm)

    assert text.count("Nobody has run these profiles on Snellius yet: their limits were read, not tried.") == 1
    assert text.count("Nobody has run") == 1


async def test_one_profile_that_nobody_has_tried_says_so_itself(site: Site, fake_slurm: FakeSlurm) -> None:
    money(fake_slurm, "onboarding|||")
    profiles = tuple(p.model_copy(update={"verified": p.name != "gpu-1"}) for p in site.profiles)

    start = await page(site.model_copy(update={"profiles": profiles}), fake_slurm)
    assert start.caution == ""
    assert [offer.caution for offer in start.offers] == [
        "",
        "Nobody has run this profile on A factory on this machine yet: its limits were read, not tried.",
    ]


def test_what_somebody_has_tried_needs_no_caution(site: Site) -> None:
    assert caution(site, site.profiles) == ""


async def test_where_no_account_is_known_the_person_names_one(fake_slurm: FakeSlurm) -> None:
    fake_slurm.answer(
        "sacctmgr", err="sacctmgr: error: You are not running a supported accounting_storage plugin", code=1
    )

    text = await html(load_site("jupiter"), fake_slurm)
    assert '<input id="account" name="account" type="text" required' in text
    assert f"For example {load_site('jupiter').account.example}" in text
    assert "Slurm does not answer just now" in text


@pytest.mark.parametrize("name", site_names())
async def test_every_site_has_a_page(fake_slurm: FakeSlurm, name: str) -> None:
    """With no account, and nothing known of when anything would start."""
    start = await page(load_site(name), fake_slurm)

    assert [offer for offer in start.offers if not offer.cost or not offer.brings] == []
