"""Faults made for real on a running factory; each is undone as its block ends, however that ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.end_to_end.factory import Factory, until
from tests.end_to_end.hub import hub_is_up

_HUB = "/srv/onramp/hub"
_SUPERVISOR = ("supervisorctl", "-s", "unix:///run/supervisor.sock")
_CLOCK = {
    "LD_PRELOAD": "/usr/$LIB/faketime/libfaketime.so.1",
    "FAKETIME_TIMESTAMP_FILE": "/run/clock",
    "FAKETIME_CACHE_DURATION": "1",
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
}
# squeue as the hub finds it: every call is noted, and an answer may be put into its mouth.
_SQUEUE = """#!/bin/sh
[ "$(id -un)" = onramp-hub ] || exec /run/faults/squeue "$@"
echo $$ >>/run/faults/asked
if answer=$(cat /run/faults/answer 2>/dev/null); then eval "$answer"; else exec /run/faults/squeue "$@"; fi
"""


@contextmanager
def stopped(factory: Factory, part: str) -> Iterator[None]:
    """A part of the factory is away."""
    supervise(factory, "stop", part)
    try:
        yield
    finally:
        supervise(factory, "start", part)
        until(f"Slurm works again after {part}", lambda: slurm_works(factory))


def slurm_works(factory: Factory) -> bool:
    """Whether Slurm and its accounting answer, and all nodes take jobs."""
    nodes = ("sinfo", "--Node", "--noheader", "--states=down,drain,fail,unknown,no_respond")
    answers = [factory.attempt(*command) for command in (("squeue",), ("sacct", "-nPX"), nodes)]
    return not any(answer.returncode for answer in answers) and not answers[-1].stdout.strip()


@contextmanager
def hidden_jobs(factory: Factory) -> Iterator[None]:
    """slurm.conf says PrivateData=jobs, so that the hub's squeue shows nothing and calls that success."""
    private = "sed 's/^ClusterName/PrivateData=jobs\\n&/' /etc/slurm/slurm.conf >/run/private.conf"
    _sh(factory, f"{private} && mount --bind /run/private.conf /etc/slurm/slurm.conf && scontrol reconfigure")
    try:
        until("squeue hides jobs", lambda: not factory.exec("squeue", "--noheader", user="onramp-hub"))
        yield
    finally:
        _sh(factory, "umount /etc/slurm/slurm.conf && rm /run/private.conf && scontrol reconfigure")
        until("squeue hides nothing", lambda: factory.exec("squeue", "--noheader", user="onramp-hub"))


@contextmanager
def full_disk(factory: Factory) -> Iterator[Callable[[], None]]:
    """The hub's state is on a disk of its own, without a byte left; what is yielded makes room."""
    supervise(factory, "stop", "hub")
    _sh(factory, "mkdir /run/disk && mount -t tmpfs -o size=16m disk /run/disk")
    _sh(factory, f"cp -a {_HUB}/. /run/disk && mount --bind /run/disk {_HUB}")
    try:
        start_hub(factory)
        _sh(factory, f"cat /dev/zero >{_HUB}/full 2>/dev/null; test -s {_HUB}/full")
        yield lambda: _sh(factory, f"rm {_HUB}/full")
    finally:
        supervise(factory, "stop", "hub")
        _sh(factory, f"rm -f {_HUB}/full && umount {_HUB} && rm -rf {_HUB}/* && cp -a /run/disk/. {_HUB}")
        _sh(factory, "umount /run/disk && rmdir /run/disk")
        start_hub(factory)


@contextmanager
def clock(factory: Factory) -> Iterator[Callable[[str], None]]:
    """The hub's clock can be set by a word such as +1d: libfaketime tells it, and nobody else, another time."""
    file = factory.folder / "srv/onramp/etc/supervisord.conf"
    before = file.read_text()
    head, mark, rest = before.partition("[program:hub]")
    values = "".join(f'{name}="{value}",' for name, value in _CLOCK.items())
    set_to = "echo $1 >/run/clock.new && mv /run/clock.new /run/clock"
    _sh(factory, set_to, "+0")
    try:
        file.write_text(head + mark + rest.replace("\nenvironment=", f"\nenvironment={values}", 1))
        supervise(factory, "update", "hub")
        start_hub(factory)
        yield lambda word: _sh(factory, set_to, word)
    finally:
        file.write_text(before)
        supervise(factory, "update", "hub")
        start_hub(factory)


def supervise(factory: Factory, action: str, part: str) -> None:
    """Let the factory's supervisor stop, start or update (to its configuration) a part."""
    factory.exec(*_SUPERVISOR, action, part)


def start_hub(factory: Factory) -> None:
    """Start the hub, which is stopped, and wait until it answers."""
    supervise(factory, "start", "hub")
    until("the hub is back", lambda: hub_is_up(factory))


class Squeue:
    """The squeue that the hub finds, in the place of the real one; everybody else finds the real one."""

    def __init__(self, factory: Factory) -> None:
        self._factory = factory

    def put(self) -> None:
        """Put it over /usr/bin/squeue."""
        self._sh("mkdir -m 755 /run/faults && cd /run/faults && touch squeue asked && chmod 666 asked")
        self._sh("mount --bind /usr/bin/squeue /run/faults/squeue")
        self._sh('printf %s "$1" >/run/faults/program && chmod 755 /run/faults/program', _SQUEUE)
        self._sh("mount --bind /run/faults/program /usr/bin/squeue")

    def remove(self) -> None:
        """Let the hub find the real one again."""
        self._sh("umount /usr/bin/squeue; umount /run/faults/squeue; rm -rf /run/faults")

    @contextmanager
    def says(self, script: str) -> Iterator[None]:
        """From now on it runs this line of shell instead."""
        self._sh('printf %s "$1" >/run/faults/new && mv /run/faults/new /run/faults/answer', script)
        try:
            yield
        finally:
            self._sh("rm -f /run/faults/answer")

    def wait(self, answers: int = 1) -> None:
        """Wait until so many questions that the hub asks from now on have come to an end."""
        last = len(self._asked()) + answers
        until("the hub asks Slurm", lambda: len(self._asked()) >= last, seconds=120)
        until("Slurm answers the hub", lambda: not self._running(self._asked()[last - 1]), seconds=120)

    def asking(self) -> bool:
        """Whether the hub waits for an answer now."""
        return any(map(self._running, self._asked()[-1:]))

    def _asked(self) -> list[int]:
        """The pids of all calls by the hub."""
        return [int(pid) for pid in self._factory.exec("cat", "/run/faults/asked").split()]

    def _running(self, pid: int) -> bool:
        return pid in dict(self._factory.processes("onramp-hub"))

    def _sh(self, script: str, *words: str) -> None:
        _sh(self._factory, script, *words)


def _sh(factory: Factory, script: str, *words: str) -> None:
    factory.exec("sh", "-c", script, "sh", *words)
