"""How servers end on a real Slurm, and what the person is told and offered: nothing here is played."""

import contextlib
import html
import re
from collections.abc import Iterator
from threading import Thread

import pytest
from websocket import WebSocketException

from tests.end_to_end.factory import Factory, until
from tests.end_to_end.kernel import Kernel
from tests.end_to_end.person import Person
from tests.end_to_end.test_put_back import preempt

USER = "student3"
_CONFIG = f"/home/{USER}/.jupyter/jupyter_server_config.py"
# Within the ten seconds between two looks of Slurm's, this is more than the server's whole job has.
_HOG = "hog = bytearray(b'x' * 900_000_000); import time; time.sleep(60)"


@pytest.fixture
def person(factory: Factory) -> Iterator[Person]:
    """Somebody of whom no job is left at the end."""
    with Person(factory, USER) as one:
        yield one
    until("no job is left", lambda: not factory.jobs(USER))


def told(person: Person, server: str = "") -> dict[str, str]:
    """How a server ended, once it has, and the words of its page."""

    def look() -> dict[str, str] | None:
        found: dict[str, str] = person.api.get(f"/onramp/ending/{USER}/{server}").raise_for_status().json()
        return found if found["ended"] else None

    end = until(f"server {server!r} has ended", look)
    until("the hub is done with it", lambda: server not in person.model()["servers"])
    page = person.site.get(f"/hub/user/{USER}/{server}{'/' if server else ''}").text
    return {**end, "page": html.unescape(re.sub(r"\s+", " ", page))}


def press(person: Person, label: str, server: str = "") -> None:
    """Press one of the buttons on the page of a server that has ended."""
    page = person.site.get(f"/hub/user/{USER}/{server}{'/' if server else ''}")
    (form,) = [part for part in re.findall(r"<form.*?</form>", page.text, re.S) if label in part]
    fields = re.findall(r'name="([^"]+)" value="([^"]*)"', form)
    (action,) = re.findall(r'action="([^"]+)"', form)
    assert person.site.post(html.unescape(action), data=dict(fields)).status_code == 200


def test_a_setting_that_breaks_the_server_and_then_too_little_memory(factory: Factory, person: Person) -> None:
    folder = _CONFIG.rpartition("/")[0]
    setting = f'c.ServerApp.root_dir = "/home/{USER}/gone"'
    factory.exec("sh", "-c", f"mkdir -p {folder} && echo '{setting}' > {_CONFIG}", user=USER)
    try:
        person.ask(profile="cpu", mem=800)
        end = told(person)
        assert (end["cause"], end["sentence"]) == ("settings", "A setting keeps JupyterLab from starting.")
        assert f"No such directory: ''/home/{USER}/gone''" in end["page"]

        press(person, "Start safely, without your own settings")
        until("the safe start is ready", person.ready, seconds=90)
    finally:
        factory.exec("rm", _CONFIG, user=USER)

    (job_id,) = factory.jobs(USER)
    kernel = Kernel(factory, person)
    Thread(target=_run_until_it_dies, args=(kernel,), daemon=True).start()
    end = told(person)
    # Slurm itself does not say it: that is why the log is read.
    assert factory.ended(job_id)["State"] == "FAILED"
    assert (end["cause"], end["sentence"]) == ("memory", "It needed more memory than it had.")
    assert "exceeded memory limit" in end["page"]
    assert "Start again with 1.6 GB of memory" in end["page"]
    assert end["again"].endswith("?opt-profile=cpu&opt-mem=800&opt-safe_start=true")


def _run_until_it_dies(kernel: Kernel) -> None:
    with contextlib.suppress(OSError, ValueError, WebSocketException):
        kernel.run(_HOG)


def test_who_cancelled_it(factory: Factory, person: Person) -> None:
    factory.exec("scontrol", "update", "PartitionName=cpu", "State=DOWN")
    try:
        for server, user in (("one", "root"), ("two", USER)):
            # The hub answers after ten seconds, or when the start is over.
            Thread(target=person.ask, args=(server,), kwargs={"profile": "cpu"}, daemon=True).start()
            (job_id,) = until("the job is queued", lambda: factory.jobs(USER))
            factory.exec("scancel", job_id, user=user)
            by = "under its own account, student3" if user == USER else "by an operator of the site (root)"
            assert f"It was cancelled {by}" in told(person, server)["sentence"]
    finally:
        factory.exec("scontrol", "update", "PartitionName=cpu", "State=UP")


def test_one_that_makes_room_for_a_more_urgent_job(factory: Factory, person: Person) -> None:
    person.ask(profile="gpu-1")
    until("the server is ready", person.ready, seconds=90)
    (job_id,) = factory.jobs(USER)
    urgent = preempt(factory, job_id)
    try:
        end = told(person)
    finally:
        factory.exec("scancel", urgent)
    assert (end["cause"], end["sentence"]) == ("preempted", "It made room for a more urgent job.")
    assert factory.ended(job_id)["State"] == "PREEMPTED"
    assert "Start again" in end["page"]
