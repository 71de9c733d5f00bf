"""A person's healthy servers, one running and one waiting, looked after from outside while things break."""

import html
import json
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import takewhile

import httpx
from websocket import WebSocketException

from tests.end_to_end.factory import Factory, until
from tests.end_to_end.kernel import Kernel
from tests.end_to_end.person import Person

_PATIENCE = 60.0  # seconds
_TAG = re.compile(r"<[^>]+>\s*")


class Healthy:
    """Server "" runs, with a kernel that remembers a word; server "waiting" is held in the queue."""

    def __init__(self, factory: Factory, person: Person) -> None:
        self._factory, self.person = factory, person
        self._asking = ThreadPoolExecutor(4)
        self.running = person.start(profile="cpu")
        self._kernel = Kernel(factory, person)
        self._kernel.run("kept = 'what was computed'")
        self._kernel.close()
        self.waiting = self.hold("waiting")

    def close(self) -> None:
        """Wait for what was asked."""
        self._asking.shutdown()

    def ask(self, server: str) -> str:
        """Ask for a server with a GPU and return its job: the hub itself answers after ten seconds or when it is up."""
        self._asking.submit(self.person.ask, server, profile="gpu-1")
        return until(f"{server} has a job", lambda: self._jobs().get(server))

    def hold(self, server: str) -> str:
        """Ask for a server, keep its job in the queue, and return that."""
        self._factory.exec("scontrol", "update", "PartitionName=gpu", "State=DOWN")
        try:
            job_id = self.ask(server)
            self._factory.exec("scontrol", "hold", job_id)
        finally:
            self._factory.exec("scontrol", "update", "PartitionName=gpu", "State=UP")
        return job_id

    def release(self) -> None:
        """Let the waiting server start."""
        self._factory.exec("scontrol", "release", self.waiting)
        until("Slurm starts it", lambda: self._state(self.waiting) == "RUNNING")

    # Are they alive?

    def alive(self) -> int:
        """How many are: by their own word, the hub's, and Slurm's."""
        runs = _soon(lambda: self.person.ready() and self.computes() and self._state(self.running) == "RUNNING")
        waits = _soon(
            lambda: self._waits() or (self.person.ready("waiting") and self._state(self.waiting) == "RUNNING")
        )
        return runs + waits

    def computes(self) -> bool:
        """Whether the running server answers its person, and its kernel still remembers."""
        address = f"{self._factory.url}/user/{self.person.name}/api/status"
        if httpx.get(address, headers=self.person.api.headers).status_code != 200:
            return False
        self._kernel.connect()
        with closing(self._kernel):
            kept = self._kernel.run("print(kept)", seconds=10)
        return kept == "what was computed"

    def orphans(self) -> int:
        """How many jobs are of servers that the hub does not have, once it has looked for such jobs."""

        def found() -> int:
            return len(set(self._jobs()) - set(self.person.model()["servers"]))

        _soon(lambda: not found())
        return found()

    def _waits(self) -> bool:
        pending = self.person.model()["servers"].get("waiting", {}).get("pending")
        return (pending, self._state(self.waiting)) == ("spawn", "PENDING")

    def _state(self, job_id: str) -> str:
        return self._factory.job(job_id)["JobState"]

    def _jobs(self) -> Mapping[str, str]:
        """The jobs of our person that are queued or run, by the name of the server that their comment gives."""
        asked = ("squeue", "--noheader", "--states=PD,R,S,CG", "--user", self.person.name, "--format=%k %i")
        rows = (row.split() for row in self._factory.exec(*asked).splitlines())
        return {comment.split(":")[3]: job_id for comment, job_id in rows}

    # What does the person see?

    def said(self) -> str:
        """What the page of the waiting server says."""
        end = time.monotonic() + _PATIENCE
        with self.person.api.stream("GET", f"/users/{self.person.name}/servers/waiting/progress") as answer:
            lines = takewhile(lambda _: time.monotonic() < end, answer.iter_lines())  # some of which only keep it open
            told = (json.loads(line.removeprefix("data:"))["message"] for line in lines if line.startswith("data:"))
            words = next((str(word) for word in told if word != "Server requested"), "")
        assert words, f"the page says nothing for {_PATIENCE:.0f} s"
        return words

    def end(self, server: str) -> str:
        """Wait until a server is over; return what the list of servers says of it, and take it off."""
        until(f"{server} is over", lambda: server not in self.person.model()["servers"], seconds=90)
        listed = self.listed(server)
        self.person.stop(server, remove=True)
        return listed

    def listed(self, server: str) -> str:
        """What the list of servers says of one."""
        home = self.person.site.get("/hub/home").text
        card = home.partition(f'data-server="{server}"')[2].partition("</section>")[0]
        return html.unescape(_TAG.sub(" ", card))


def _soon(look: Callable[[], bool]) -> bool:
    """Whether something comes true within a minute; what cannot be reached meanwhile is not true yet."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        with suppress(httpx.HTTPError, KeyError, AssertionError, OSError, WebSocketException):
            if look():
                return True
        time.sleep(0.2)
    return False
