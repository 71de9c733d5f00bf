"""One-time sign-in links."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from hub_config.auth import links


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / links.FILE_NAME


def minted(file: Path, user: str = "alice", now: float | None = None) -> str:
    return parse_qs(urlsplit(links.mint(file, user, "http://hub:8000/", now=now)).query)["token"][0]


def test_a_link_is_good_once(file: Path) -> None:
    token = minted(file)
    assert links.redeem(file, token) == "alice"
    assert links.redeem(file, token) is None


def test_of_many_at_once_one_gets_in(file: Path) -> None:
    token = minted(file)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: links.redeem(file, token), range(32)))
    assert sorted(found, key=str).count("alice") == 1


def test_a_link_is_good_for_ten_minutes(file: Path) -> None:
    first, second = minted(file, now=0), minted(file, now=0)
    assert links.redeem(file, first, now=599) == "alice"
    assert links.redeem(file, second, now=601) is None


def test_only_a_hash_is_kept_and_in_private(file: Path) -> None:
    token = minted(file)
    assert token not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_expired_links_are_forgotten(file: Path) -> None:
    minted(file, now=0)
    minted(file, now=10_000)
    assert file.read_text().count("alice") == 1


@pytest.mark.parametrize("token", ["", "x", "é", "\0", "x" * 100_000], ids=ascii)
def test_other_tokens_are_worth_nothing(file: Path, token: str) -> None:
    minted(file)
    assert links.redeem(file, token) is None


def test_the_command(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert links.main(["mint", "alice", "--state", str(file.parent), "--url", "http://hub:8000"]) == 0
    url = capsys.readouterr().out.strip()
    assert url.startswith("http://hub:8000/hub/login?token=")

    assert links.main(["mint", "Alice; id", "--state", str(file.parent), "--url", "http://hub:8000"]) == 1
    assert "cannot be signed in" in capsys.readouterr().err
