"""The folder a factory lives in."""

import json
import stat

import pytest

from hub_config.factory.plan import PEOPLE
from hub_config.factory.state import State, read_events
from hub_config.settings import load_settings
from spawners.site import load_site
from tests.sites.traps import TRAPS


@pytest.fixture
def state(tmp_path):
    return State(tmp_path / "a factory")


def test_a_folder_nobody_started_has_no_plan(state):
    assert state.plan is None
    assert read_events(state.events) == []


def test_the_first_start_makes_passwords_and_keeps_their_hashes_alone(state):
    passwords = state.prepare(8000)

    assert set(passwords) == set(PEOPLE)
    assert len(set(passwords.values())) == len(PEOPLE)
    written = b"".join(path.read_bytes() for path in state.folder.rglob("*") if path.is_file())
    assert not any(password.encode() in written for password in passwords.values())


def test_a_second_start_keeps_accounts_keys_and_homes(state):
    state.prepare(8000)
    kept = ("srv/onramp/hub/passwords.json", "etc/munge/munge.key")
    before = {name: (state.folder / name).read_bytes() for name in kept}
    first_uid = state.plan.first_uid
    (state.folder / "home/student1").mkdir()
    (state.folder / "home/student1/thesis.txt").write_text("hours of work")

    assert state.prepare(8001) == {}

    assert {name: (state.folder / name).read_bytes() for name in kept} == before
    assert (state.folder / "home/student1/thesis.txt").read_text() == "hours of work"
    assert (state.plan.port, state.plan.first_uid) == (8001, first_uid)


def test_files_with_secrets_are_for_their_owner_alone(state):
    state.prepare(8000)
    private = (
        "etc/munge/munge.key",
        "etc/slurm/slurmdbd.conf",
        "srv/onramp/etc/supervisord.conf",
        "srv/onramp/hub/passwords.json",
    )

    assert [stat.S_IMODE((state.folder / name).stat().st_mode) & 0o077 for name in private] == [0, 0, 0, 0]


def test_the_site_it_was_started_with_is_kept(state):
    assert state.site is None

    state.prepare(8000, str(TRAPS))

    assert state.site == str(TRAPS)
    assert load_site(state.folder / "srv/onramp/etc/site.yaml").title == "The Trap, rehearsed on this machine"
    assert (state.folder / "etc/slurm/login-only").read_text() == "/login-only\n"


def test_a_factory_from_before_there_were_sites_is_of_this_machine(state):
    state.prepare(8000)
    file = state.folder / "srv/onramp/etc/plan.json"
    file.write_text(json.dumps({key: value for key, value in json.loads(file.read_text()).items() if key != "cluster"}))

    assert state.site == "local"


def test_the_hub_can_read_its_settings(state):
    state.prepare(8123)
    settings = load_settings(state.folder / "srv/onramp/etc/settings.yaml")

    assert settings.port == 8123
    assert load_site(state.folder / settings.site.lstrip("/")) == load_site("local")
    assert settings.hub_connect.ip == state.plan.control


def test_everybody_gets_a_closed_home_and_spool(state):
    state.prepare(8000)
    owned = [line.split(maxsplit=2) for line in (state.folder / "owners").read_text().splitlines()]
    found = {path: (int(owner.split(":")[0]), mode) for owner, mode, path in owned}

    for name in PEOPLE:
        uid = state.plan.uids[name]
        assert found[f"home/{name}"] == found[f"srv/onramp/spool/{name}"] == (uid, "700")
    assert found["srv/onramp/course"] == (state.plan.uids["onramp-course"], "700")


def test_an_event_is_read_once_its_line_is_whole(state):
    state.prepare(8000)
    event = json.dumps({"step": "munge", "state": "done"})
    state.events.write_text(event + "\n" + event[:10])

    assert read_events(state.events) == [{"step": "munge", "state": "done"}]
