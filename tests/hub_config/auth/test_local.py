"""Signing in, at a real hub."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hub_config.auth import links
from tests.hub_config.browser import PASSWORD, Browser
from tests.hub_config.running_hub import RunningHub, hub

__all__ = ["hub"]


def link(hub: RunningHub, user: str = "alice") -> str:
    """Mint a link and return what follows the hub's address."""
    file = hub.state / links.FILE_NAME
    url = links.mint(file, user, "http://x")
    hub.own(file, file.with_suffix(".lock"))
    return f"login?{urlsplit(url).query}"


def said(text: str) -> str:
    """The sentence in the page's alert."""
    found = re.search(r'role="alert">([^<]*)<', text)
    return found[1].strip() if found else ""


def test_the_right_password(hub: RunningHub) -> None:
    browser = Browser(hub.base)
    answer = browser.sign_in("alice")
    assert (answer.status, urlsplit(answer.url).path) == (200, "/hub/spawn")
    assert "Signed in as <strong>alice</strong>" in answer.text


def test_a_refusal_never_tells_which_was_wrong(hub: RunningHub) -> None:
    known = Browser(hub.base).sign_in("alice", "wrong password")
    unknown = Browser(hub.base).sign_in("zoe", "wrong password")
    assert (known.status, unknown.status) == (403, 403)
    assert said(known.text) == said(unknown.text)
    assert said(known.text).startswith("User name or password is wrong.")


def test_unknown_names_cost_as_much_work(hub: RunningHub) -> None:
    """In the hub's own processor time, which a busy machine does not change."""

    def ticks(name: str) -> int:
        browser = Browser(hub.base)
        browser.get("login")
        before = worked(hub)
        browser.post("login", {"username": name, "password": "wrong password"})
        return worked(hub) - before

    known = sum(ticks("bob") for _ in range(3))
    unknown = sum(ticks(f"nobody{n}") for n in range(3))
    # A lookup that skips the hash is some fifty times cheaper.
    assert unknown > known / 2


def worked(hub: RunningHub) -> int:
    """The clock ticks that the hub's process has worked so far."""
    fields = Path(f"/proc/{hub.process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_too_many_failures_say_when_to_try_again(hub: RunningHub) -> None:
    browser = Browser(hub.base)
    for _ in range(5):
        assert browser.sign_in("carol", "wrong password").status == 403
    answer = browser.sign_in("carol", PASSWORD)
    assert answer.status == 429
    assert re.fullmatch(r"Too many failed attempts to sign in. Try again in \d+ seconds?\.", said(answer.text))
    # Somebody else at the same address is not kept out.
    assert browser.sign_in("alice").status == 200


def test_a_link_signs_in_once(hub: RunningHub) -> None:
    path = link(hub)
    first = Browser(hub.base).get(path)
    assert (first.status, urlsplit(first.url).path, urlsplit(first.url).query) == (200, "/hub/spawn", "")
    second = Browser(hub.base).get(path)
    assert second.status == 403
    assert said(second.text).startswith("This sign-in link was already used or is older than ten minutes.")
    assert 'name="password"' in second.text


def test_a_link_may_name_the_page_to_open(hub: RunningHub) -> None:
    assert urlsplit(Browser(hub.base).get(f"{link(hub)}&next=/hub/home").url).path == "/hub/home"
    assert urlsplit(Browser(hub.base).get(f"{link(hub)}&next=https://elsewhere.example/").url).path == "/hub/spawn"


def test_another_site_cannot_sign_a_visitor_in(hub: RunningHub) -> None:
    path = link(hub)
    answer = Browser(hub.base).get(path, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert answer.status == 403
    assert said(answer.text) == "For your safety, open a sign-in link by pasting it into the address bar."
    assert Browser(hub.base).get(path).status == 200


def test_a_link_for_somebody_without_an_account(hub: RunningHub) -> None:
    assert Browser(hub.base).get(link(hub, "mallory")).status == 403


def test_the_password_stays_out_of_the_log(hub: RunningHub) -> None:
    Browser(hub.base).sign_in("alice")
    assert PASSWORD not in hub.log()


@pytest.mark.parametrize("name", ["a b", "-R", "$(true)", "../alice", "é", "x" * 1000], ids=ascii)
def test_hostile_names(hub: RunningHub, name: str) -> None:
    answer = Browser(hub.base).sign_in(name, "wrong password")
    assert answer.status in (403, 429)
    assert "Traceback" not in answer.text


def test_files_of_the_hub_are_private(hub: RunningHub) -> None:
    private = ("passwords.json", "links.json", "cookie_secret")
    assert {path.name: path.stat().st_mode & 0o077 for path in map(Path(hub.state).joinpath, private)} == dict.fromkeys(
        private, 0
    )


def test_a_token_stays_out_of_the_log(hub: RunningHub) -> None:
    path = link(hub)
    browser = Browser(hub.base)
    tried = [browser.get(f"login?token=guess{number}-of-a-token").status for number in range(6)]
    assert tried[-1] == 429
    assert browser.get(path).status == 429
    assert "of-a-token" not in hub.log()
    assert path.partition("token=")[2] not in hub.log()
