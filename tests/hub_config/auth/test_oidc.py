"""Signing in with an institute's account: a real hub and a real OpenID Connect server."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from tests.hub_config.browser import Browser, send
from tests.hub_config.running_hub import RunningHub, started, wait
from tests.ports import free_port


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """An OpenID Connect server of the institute's."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = (str(Path(sys.executable).parent / "oidc-provider-mock"), "--port", str(port))
    people = (
        '{"sub": "1", "preferred_username": "alice", "name": "Alice"}',
        '{"sub": "2", "preferred_username": "a;id"}',
    )
    claims = [word for person in people for word in ("--user-claims", person)]
    process = subprocess.Popen((*command, *claims), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        well_known = Request(f"{url}/.well-known/openid-configuration")
        wait(lambda: send(build_opener(ProxyHandler({})), well_known).status == 200, lambda: "no OpenID Connect server")
        yield url
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def hub(provider: str) -> Iterator[RunningHub]:
    """A hub whose people come from that server."""
    config = {
        "login_service": "your institute",
        "client_id": "onramp",
        "client_secret": "a secret",
        "authorize_url": f"{provider}/oauth2/authorize",
        "token_url": f"{provider}/oauth2/token",
        "userdata_url": f"{provider}/userinfo",
        "scope": ["openid", "profile"],
        "username_claim": "preferred_username",
        "allow_all": True,
    }
    with started(auth={"class": "oidc", "config": config}) as running:
        yield running


def signed_in(hub: RunningHub, sub: str) -> tuple[Browser, str]:
    """Go the way a browser goes; return it and the page it arrives at."""
    browser = Browser(hub.base)
    login = browser.get("login")
    assert "Sign in with your institute" in login.text
    form = browser.get("oauth_login")
    assert urlsplit(form.url).path == "/oauth2/authorize"
    answer = browser.post_to(form.url, {"sub": sub})
    return browser, f"{answer.status} {urlsplit(answer.url).path} {answer.text}"


def test_sign_in(hub: RunningHub) -> None:
    _, page = signed_in(hub, "1")
    assert page.startswith("200 /hub/spawn ")
    assert "Signed in as <strong>alice</strong>" in page


def test_an_unsafe_name_from_the_institute_is_refused(hub: RunningHub) -> None:
    _, page = signed_in(hub, "2")
    assert page.startswith(("400", "403", "500"))
    assert "Traceback" not in page
    assert not re.search(r"Signed in as", page)


def test_secrets_stay_out_of_the_log(hub: RunningHub) -> None:
    before = len(hub.log())
    signed_in(hub, "1")
    said = hub.log()[before:]
    assert "a secret" not in said
    assert "/hub/oauth_callback?code=[secret]" in said
    assert not re.search(r"[?&]code=(?!\[secret\])", said)
