"""Telling a person that a server is ready: what the command gets, and that its failure costs nobody anything."""

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spawners import server_ready
from spawners.server_ready import message, tell

HOW_TO = Path(__file__).parents[2] / "docs/how-to/tell-when-ready.md"


def spawner(*command: str, state: Any = None, public: str = "", ready: bool = True) -> Any:
    """As much of a spawner as is told of."""

    async def auth_state() -> Any:
        return state

    user = SimpleNamespace(
        name="ada", get_auth_state=auth_state, public_url=lambda _: public, server_url=lambda name: f"/user/ada/{name}"
    )
    known = {"http_timeout": 0.1, "port_timeout": 0.1, "startup_poll_interval": 0.01, "_log_name": "ada"}
    log = logging.getLogger("ready")
    return SimpleNamespace(user=user, name="", watch=None, ready_command=command, ready=ready, log=log, **known)


async def told(one: Any) -> None:
    """Tell, and wait until that is over."""
    tell(one)
    await asyncio.gather(*server_ready._under_way)


@pytest.mark.parametrize(
    ("state", "email"),
    [
        (None, None),
        ({"oauth_user": {"email": "ada@example.eu"}}, "ada@example.eu"),
        ({"email": "ada@example.eu", "oauth_user": {}}, "ada@example.eu"),
        ({"user": {"email": "ada@example.eu"}, "oauth_user": "ada"}, "ada@example.eu"),
        ({"oauth_user": {"email": ["ada@example.eu"]}}, None),
        ({"email": "ada"}, None),
        ("ada@example.eu", None),
    ],
)
async def test_the_address_that_the_sign_in_knows(state: Any, email: str | None) -> None:
    assert (await message(spawner(state=state)))["email"] == email


async def test_a_line_of_json_and_nothing_of_the_hubs_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFIGPROXY_AUTH_TOKEN", "secret")
    file = tmp_path / "told"
    await told(spawner("/bin/sh", "-c", f"cat > {file}; env >> {file}", public="https://hub.example.eu/user/ada/"))

    line, *environment = file.read_text().splitlines()
    url = "https://hub.example.eu/user/ada/"
    assert json.loads(line) == {"user": "ada", "server": "", "url": url, "waited": 0, "email": None}
    assert not [one for one in environment if "secret" in one]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("/bin/sh", "-c", "echo no mail today >&2; exit 75"), "ended with 75: no mail today"),
        (("/nowhere/tell",), "Nobody was told"),
        (("/bin/sleep", "60"), "Nobody was told"),
    ],
)
async def test_a_failure_goes_to_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr(server_ready, "SECONDS", 0.3 if "sleep" in command[0] else 30)
    await told(spawner(*command))

    assert said in caplog.text


async def test_a_server_that_never_is_ready_is_told_of_to_nobody(tmp_path: Path) -> None:
    await told(spawner("/bin/sh", "-c", f"touch {tmp_path}/told", ready=False))

    assert not (tmp_path / "told").exists()


def test_the_recipe_sends_a_mail(tmp_path: Path) -> None:
    """The program of the how-to, as it stands there, with a sendmail that keeps what it gets."""
    (program,) = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    sendmail = tmp_path / "sendmail"
    sendmail.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/argv; cat > {tmp_path}/mail\n')
    sendmail.chmod(0o755)
    (line,) = re.findall(r"```json\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    program = program.replace("/usr/sbin/sendmail", str(sendmail))
    subprocess.run([sys.executable, "-c", program], input=line, text=True, check=True, env={"PATH": os.defpath})

    mail = message_from_bytes((tmp_path / "mail").read_bytes(), policy=default)
    assert mail["To"] == "ada@example.eu"
    words = "It waited for 90 minutes and now runs, which counts: https://hub.example.eu/user/ada/\n"
    assert mail.get_content() == words
    assert (tmp_path / "argv").read_text() == "-t -oi\n"
