"""Settings: one frozen model, and errors that say where and what is valid."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from hub_config.settings import Settings, SettingsError, load_settings

SMALLEST = "site: local\nstate: /srv/hub\nlauncher: {socket: /run/launcher.sock}\n"


def load(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    return load_settings(path)


def test_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, SMALLEST)

    assert settings.db_url == "sqlite:///jupyterhub.sqlite"
    assert (settings.bind, settings.port, settings.auth.authenticator) == ("127.0.0.1", 8000, "local")
    assert settings.passwords == Path("/srv/hub/passwords.json")


def test_settled_once(tmp_path: Path) -> None:
    settings = load(tmp_path, SMALLEST)

    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (SMALLEST + "colour: blue\n", r"settings.yaml:4: colour: .*Known here: .*admins.*site"),
        (SMALLEST + "proxy:\n  url: x\n", r"settings.yaml:5: proxy.url: .*api_url"),
        (SMALLEST + "port: 70000\n", r"settings.yaml:4: port: .*less than or equal to 65535.*70000"),
        (SMALLEST + "auth: {class: magic}\n", r"settings.yaml:4: auth.class"),
        (SMALLEST + "ledger_url: sqlite:///jupyterhub.sqlite\n", r"one SQLite file: give each its own"),
        (SMALLEST + "accounts: {rule: some}\n", r"settings.yaml:4: accounts.rule: .*identity.*table.*pool"),
        (SMALLEST + "accounts: {rule: table}\n", r"settings.yaml:4: accounts: rule 'table' needs a non-empty 'table'"),
        (SMALLEST + "accounts: {table: {a: b}}\n", r"rule 'identity' takes neither 'table' nor 'pool'"),
        (SMALLEST + "accounts: {rule: pool, pool: [a], table: {a: b}}\n", r"nothing else beside it"),
        ("site: local\nstate: /srv/hub\nlauncher: {}\n", r"settings.yaml:3: launcher: give exactly one of 'socket'"),
        ("site: local\nstate: /srv/hub\n", r"launcher: Field required"),
        ("- a\n- b\n", r"the whole file"),
        ("site: [", r"not YAML"),
        ("", r"the whole file"),
    ],
    ids=ascii,
)
def test_a_mistake_is_found_by_line_and_key(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        load(tmp_path, text)


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, SMALLEST + "port: x\ncolour: blue\n")

    assert [line.split(":")[1] for line in str(error.value).splitlines()] == ["4", "5"]


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "none.yaml")
