"""Settings become traits: no hub is needed to see what was set."""

from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from hub_config import assemble
from hub_config.settings import Settings, SettingsError
from spawners.accounts import AccountError
from spawners.launcher import SocketLauncher, SudoLauncher


def settings(tmp_path: Path, **values: Any) -> Settings:
    return Settings.model_validate({"site": "local", "state": tmp_path, "launcher": {"socket": "/x"}, **values})


def assembled(tmp_path: Path, **values: Any) -> Config:
    c = Config()
    assemble.assemble(c, settings(tmp_path, **values))
    return c


def test_addresses(tmp_path: Path) -> None:
    c = assembled(tmp_path, port=9000, hub_connect={"ip": "10.0.0.1", "port": 9081}, proxy={"api_url": "http://p:9001"})

    assert c.JupyterHub.bind_url == "http://127.0.0.1:9000"
    assert c.JupyterHub.hub_bind_url == "http://10.0.0.1:9081"
    assert (c.ConfigurableHTTPProxy.api_url, c.ConfigurableHTTPProxy.should_start) == ("http://p:9001", False)


def test_state_outlives_the_hub(tmp_path: Path) -> None:
    c = assembled(tmp_path, db_url="postgresql+psycopg://hub@db/hub")

    assert c.JupyterHub.db_url == "postgresql+psycopg://hub@db/hub"
    assert c.JupyterHub.cleanup_servers is False


def test_the_ledger_is_where_the_settings_say(tmp_path: Path) -> None:
    c = assembled(tmp_path, hub="north", ledger_url=f"sqlite:///{tmp_path}/starts.sqlite")

    assert not (tmp_path / "starts.sqlite").exists()
    assert c.ServerSpawner.door().ledger.alive() == ()
    assert (tmp_path / "starts.sqlite").exists()


def test_local_sign_in(tmp_path: Path) -> None:
    c = assembled(tmp_path, admins=["teacher1"])

    assert c.JupyterHub.authenticator_class == "hub_config.auth.local.LocalAuthenticator"
    assert c.LocalAuthenticator.password_file == str(tmp_path / "passwords.json")
    assert c.Authenticator.admin_users == {"teacher1"}


def test_any_authenticator_takes_its_own_traits(tmp_path: Path) -> None:
    c = assembled(tmp_path, auth={"class": "ltiauthenticator.LTI13Authenticator", "config": {"allow_all": True}})

    assert c.JupyterHub.authenticator_class == "ltiauthenticator.LTI13Authenticator"
    assert c.LTI13Authenticator.allow_all is True


def test_a_queued_start_is_neither_counted_nor_ended(tmp_path: Path) -> None:
    c = assembled(tmp_path, named_servers=0)

    assert c.JupyterHub.concurrent_spawn_limit == 0
    assert c.ServerSpawner.consecutive_failure_limit == 0
    assert c.JupyterHub.allow_named_servers is False


def test_everybody_may_use_the_course_service_also_from_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONRAMP_COURSE_TOKEN", "secret")
    c = assembled(tmp_path, course={"url": "http://10.0.0.1:8010"})
    access = "access:services!service=onramp-course"

    (service,) = c.JupyterHub.services
    assert (service["name"], service["url"], service["api_token"]) == (
        "onramp-course",
        "http://10.0.0.1:8010",
        "secret",
    )
    assert c.JupyterHub.load_roles == [{"name": "user", "scopes": ["self", access]}]
    assert access in c.ServerSpawner.server_token_scopes
    assert c.ServerSpawner.environment["ONRAMP_COURSE_URL"] == "http://10.0.0.1:8010/services/onramp-course/"


def test_a_course_service_without_its_token_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONRAMP_COURSE_TOKEN", raising=False)

    with pytest.raises(SettingsError, match="ONRAMP_COURSE_TOKEN is not"):
        assembled(tmp_path, course={"url": "http://10.0.0.1:8010"})
    assert "services" not in assembled(tmp_path).JupyterHub


def test_all_spawners_share_one_door(tmp_path: Path) -> None:
    c = assembled(tmp_path, hub="north")

    assert c.ServerSpawner.door() is c.ServerSpawner.door()
    assert (c.ServerSpawner.door().hub, c.ServerSpawner.door().site.name) == ("north", "local")


@pytest.mark.parametrize(
    ("launcher", "kind"),
    [({"socket": "/run/x"}, SocketLauncher), ({"sudo": ["/opt/onramp/launcher"]}, SudoLauncher)],
    ids=["socket", "sudo"],
)
def test_how_the_hub_acts_as_others(tmp_path: Path, launcher: dict[str, Any], kind: type) -> None:
    assert isinstance(assemble._launcher(settings(tmp_path, launcher=launcher)), kind)


@pytest.mark.parametrize(
    ("accounts", "sentence"),
    [
        ({}, "no Unix user 'who'"),
        ({"rule": "table", "table": {"a": "b"}}, "not in the table"),
        ({"rule": "pool", "pool": ["trainee01"]}, "no Unix user 'trainee01'"),
    ],
    ids=["identity", "table", "pool"],
)
def test_who_a_hub_user_is(tmp_path: Path, accounts: dict[str, Any], sentence: str) -> None:
    c = assembled(tmp_path, accounts=accounts)

    with pytest.raises(AccountError, match=sentence):
        c.ServerSpawner.door().accounts.resolve("who")
