"""A server that nobody uses gives its node back: a real Jupyter Server with real kernels and terminals."""

import json
import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from websocket import WebSocket, create_connection

from tests.hub_config.browser import Browser
from tests.hub_config.running_hub import NODE, RunningHub, started, wait
from tests.notebooks.jupyter_here import KEY, jupyter

# Two seconds until the warning, which then stands for long.
SOON = json.dumps({"after": 0.03, "grace": 5})
# Other tests on this machine may have jobs with small numbers.
JOB = str(1_000_000_000 + os.getpid())
NOWHERE = {
    "SLURM_JOB_ID": JOB,
    "JUPYTERHUB_API_URL": "http://127.0.0.1:9/hub/api",
    "JUPYTERHUB_API_TOKEN": "none",
    "JUPYTERHUB_USER": "alice",
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A page of a server that warns soon."""
    with jupyter(tmp_path_factory.mktemp("home"), **NOWHERE, ONRAMP_IDLE=SOON) as client:
        yield client


def idle(page: httpx.Client) -> dict[str, Any]:
    """What the page is told; as an open tab it asks for other things too."""
    for path in ("api/kernels", "api/sessions", "api/terminals", "api/contents"):
        page.get(path).raise_for_status()
    told: dict[str, Any] = page.get("onramp/server").raise_for_status().json()["idle"]
    return told


def wait_until(page: httpx.Client, *busy: str) -> None:
    wait(lambda: idle(page)["busy"] == list(busy), lambda: str(idle(page)), 90)


def wait_for_warning(page: httpx.Client) -> datetime:
    """Wait until it is warned, and return when it will be released."""
    ends = wait(lambda: idle(page)["ends"], lambda: f"{idle(page)} {page.get('api/kernels').text}", 90)
    return datetime.fromisoformat(ends)


def somebody_is_there(page: httpx.Client, ends: datetime) -> bool:
    """Whether it is released later than at `ends`, or not at all: a slow test may miss the time without a warning."""
    told = idle(page)["ends"]
    return told is None or datetime.fromisoformat(told) > ends + timedelta(seconds=1)


def stays_busy(page: httpx.Client, name: str) -> None:
    """It is busy for longer than it takes until an idle server is warned."""
    end = time.monotonic() + 4
    while time.monotonic() < end:
        assert idle(page) == {"ends": None, "after_minutes": 0.03, "busy": [name]}


def open_socket(page: httpx.Client, path: str) -> WebSocket:
    return create_connection(
        f"{page.base_url}{path}".replace("http://", "ws://"), header=[f"Authorization: token {KEY}"], timeout=60
    )


def run(page: httpx.Client, kernel: str, code: str) -> None:
    """Run a cell, and close the tab once the kernel has begun it."""
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "user_expressions": {}}
    header = {"msg_id": "1", "msg_type": "execute_request", "username": "", "session": "1", "version": "5.3"}
    tab = open_socket(page, f"api/kernels/{kernel}/channels")
    tab.send(
        json.dumps({"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content})
    )
    while json.loads(tab.recv())["msg_type"] != "execute_input":
        pass
    tab.close()


def type_into(page: httpx.Client, terminal: str, text: str) -> None:
    """Type in a tab of its own: the server closes one that answers no pings, as a test that waits does not."""
    tab = open_socket(page, f"terminals/websocket/{terminal}")
    tab.send(json.dumps(["stdin", text]))
    tab.close()


def runs(*words: str) -> bool:
    """Whether a program runs below this process with just these words."""
    ours = psutil.Process().children(recursive=True)
    return any(one.info["cmdline"] == [*words] for one in psutil.process_iter(["cmdline"]) if one in ours)


def test_an_open_tab_is_warned_and_a_word_of_its_person_counts(page: httpx.Client) -> None:
    ends = wait_for_warning(page)
    assert idle(page)["after_minutes"] == 0.03
    assert page.post("onramp/server").status_code == 204
    assert somebody_is_there(page, ends)
    ends = wait_for_warning(page)
    page.put("api/contents/mine.txt", json={"type": "file", "format": "text", "content": "x"}).raise_for_status()
    wait(lambda: somebody_is_there(page, ends), lambda: str(idle(page)))


def test_a_cell_that_runs_in_a_closed_tab(page: httpx.Client) -> None:
    """It waits for something and uses no CPU; no message comes from it, and none from a browser."""
    notebook = {"path": "work/train.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    kernel = page.post("api/sessions", json=notebook).raise_for_status().json()["kernel"]["id"]
    run(page, kernel, "import time; time.sleep(600)")
    wait_until(page, "kernel train.ipynb")
    stays_busy(page, "kernel train.ipynb")
    page.post(f"api/kernels/{kernel}/interrupt").raise_for_status()
    wait_for_warning(page)
    run(
        page,
        kernel,
        "import threading; threading.Thread(target=lambda: [sum(range(10**6)) for _ in range(10**6)]).start()",
    )
    wait_until(page, "kernel train.ipynb")
    page.delete(f"api/kernels/{kernel}").raise_for_status()
    wait_for_warning(page)


def test_a_kernel_that_dies_in_a_closed_tab_works_no_more(page: httpx.Client) -> None:
    """Jupyter starts it anew, and it waits for somebody to look."""
    kernel = page.post("api/kernels", json={}).raise_for_status().json()["id"]
    run(
        page,
        kernel,
        "import os, threading, time; threading.Timer(1, os.kill, (os.getpid(), 9)).start(); time.sleep(600)",
    )
    wait_for_warning(page)
    page.delete(f"api/kernels/{kernel}").raise_for_status()


def test_a_terminal_counts_while_its_program_computes(page: httpx.Client) -> None:
    name = page.post("api/terminals").raise_for_status().json()["name"]
    type_into(page, name, "sleep 1000\r")
    wait(lambda: runs("sleep", "1000"), lambda: str(idle(page)))
    wait_for_warning(page)
    type_into(page, name, "\x03")
    wait(lambda: not runs("sleep", "1000"), lambda: str(idle(page)))  # a shell may forget what is typed before
    type_into(page, name, "yes > /dev/null\r")
    wait_until(page, f"terminal {name}")
    assert idle(page)["ends"] is None
    type_into(page, name, "\x03")
    ends = wait_for_warning(page)
    # A kernel notes once in eight seconds that somebody types, and a plain sh reads only whole lines.

    def typed() -> bool:
        type_into(page, name, "\r")
        return somebody_is_there(page, ends)

    wait(typed, lambda: str(idle(page)))
    page.delete(f"api/terminals/{name}").raise_for_status()


@pytest.fixture(scope="module")
def hub() -> Iterator[RunningHub]:
    """A hub whose servers are released soon."""
    with started(idle={"after": 0.05, "grace": 0.05}) as running:
        yield running


def test_only_a_server_that_is_up_may_say_so_with_its_own_token(hub: RunningHub) -> None:
    job_id = hub.start_server("bob", profile="cpu")
    told = json.loads(hub.secrets().read_text())
    assert json.loads(told["ONRAMP_IDLE"]) == {"after": 0.05, "grace": 0.05}
    assert hub.api("POST", "onramp/idle", None, told["JUPYTERHUB_API_TOKEN"]).status == 409
    assert hub.api("POST", "onramp/idle", None, hub.user_token("bob")).status == 403
    assert hub.api("POST", "onramp/idle", None, "nobody").status == 403
    assert hub.slurm.job(job_id)["state"] == "PENDING"
    secrets = hub.secrets()
    hub.api("DELETE", "users/bob/server")
    wait(lambda: not secrets.exists(), hub.log)


def test_it_is_released_and_the_hub_says_why(hub: RunningHub, tmp_path: Path) -> None:
    job_id = hub.start_server("alice", profile="cpu")
    hub.slurm.change(job_id, state="RUNNING", node=NODE)
    told = json.loads(hub.secrets().read_text())
    with jupyter(tmp_path, "/user/alice/", SLURM_JOB_ID=JOB, **told) as page:
        port = {"port": urlsplit(str(page.base_url)).port}
        assert hub.api("POST", "onramp/port", port, told["JUPYTERHUB_API_TOKEN"]).status == 204
        wait(lambda: bool(hub.server("alice").get("ready")), hub.log)
        wait(lambda: hub.slurm.job(job_id)["state"] == "CANCELLED", hub.log, 90)
    browser = Browser(hub.base)
    browser.sign_in("alice")
    wait(lambda: ending(browser)["ended"] is not None, hub.log)
    end = ending(browser)
    assert end["cause"] == "idle"
    assert end["sentence"].startswith("It was idle for 1 minute, and")
    assert end["sentence"] in browser.get("user/alice/lab").text


def ending(browser: Browser) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(browser.get("api/onramp/ending/alice").text)
    return told
