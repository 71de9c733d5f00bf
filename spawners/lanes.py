"""Lanes: of all ways into the queue for a profile, the one that starts soonest, and what starts sooner instead.

Each question is one `sbatch --test-only`, which uses up a job number of the site. So an answer is kept for a minute,
and nothing is asked that nobody looks at.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from spawners.accounts import Account
from spawners.foresight import NOTHING, Foreseen, Past, Told, foresee
from spawners.kept import Kept
from spawners.ledger import Ledger, LedgerError
from spawners.request import Request, RequestError, parse_request, resolve
from spawners.resources import Resources, fill, qos_name
from spawners.scheduler import COMMENT, NotPermitted, PastJob, SchedulerError
from spawners.script import RenderError, Script
from spawners.server_job import server_job
from spawners.site import Lane, Site, lanes

# Seconds for which an answer is good, and those that one question may take.
FRESH, PATIENCE = 60.0, 4.0
# How far back is learned: so many starts of this hub, and the jobs of so many hours.
TOLD, HOURS = 400, 12
# The option by which a start page says which of a profile's lanes it showed: the number in the order of the site file.
OPTION = "lane-"


class Tester(Protocol):
    """The part of a Scheduler that says when a job would start, and when earlier ones did."""

    async def test(self, user: str, script: Script) -> datetime | None:
        """When the job would start if it were submitted now; None when the scheduler cannot say, or NotPermitted."""

    async def past(self, partitions: Collection[str], hours: int) -> tuple[PastJob, ...]:
        """How long the jobs of these partitions ran in the last hours, the last first."""


@dataclass(frozen=True)
class Way:
    """A request by one lane: `number` in the order of the profile's lanes, and when it would start (None: unknown).

    `start` is what Slurm says, and `foreseen` what that is worth; `refusal` holds its words where the person may not
    use the lane.
    """

    number: int
    request: Request
    start: datetime | None
    foreseen: Foreseen | None = None
    refusal: str = ""


class Lanes:
    """When servers would start, asked of the scheduler at most once a minute for each person and each lane."""

    def __init__(self, site: Site, scheduler: Tester, ledger: Ledger) -> None:
        """Nothing has been asked yet."""
        self._site, self._scheduler, self._ledger = site, scheduler, ledger
        self._starts: Kept[datetime | NotPermitted | None] = Kept(FRESH)
        self._past: Kept[Past] = Kept(FRESH)

    async def soonest(self, request: Request, account: Account) -> Way:
        """The lane by which a server for this request starts soonest; the profile's own where none is sooner."""
        asked = list(ways(self._site, request))
        answers = asyncio.gather(*(self._start(one, account) for _, one in asked))
        past, starts = await asyncio.gather(self._lately(), answers)
        found = [self._way(number, one, start, past) for (number, one), start in zip(asked, starts, strict=True)]
        return min(found or [Way(0, request, None)], key=lambda way: (bool(way.refusal), _minute(way.start)))

    async def range(self, partition: str, qos: str | None, start: datetime) -> Foreseen:
        """What Slurm's word is worth that a job in this partition will start then."""
        return _foreseen(partition, qos, start, await self._lately())

    def told(self, request: Request, account: Account) -> Foreseen | None:
        """What the last minute's start page said of this request; nothing is asked."""
        start, past = self._starts.known(self._key(request, account)), self._past.known(())
        return self._way(0, request, start, past or NOTHING).foreseen

    def _way(self, number: int, request: Request, start: datetime | NotPermitted | None, past: Past) -> Way:
        resources = fill(request, self._site)
        if not isinstance(start, datetime):
            return Way(number, request, None, refusal=str(start or ""))
        return Way(number, request, start, _foreseen(resources.partition, resources.qos, start, past))

    async def _start(self, request: Request, account: Account) -> datetime | NotPermitted | None:
        """When one lane would start a job, or that it never would; None where the scheduler does not say."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._starts.get(self._key(request, account), lambda: self._ask(request, account))
        except (SchedulerError, RenderError, RequestError, TimeoutError):
            return None

    def _key(self, request: Request, account: Account) -> tuple[str, Resources]:
        return account.name, fill(request, self._site)

    async def _ask(self, request: Request, account: Account) -> datetime | NotPermitted | None:
        script, _ = server_job(self._site, request, account, comment=f"{COMMENT}when:", environment={})
        try:
            return await self._scheduler.test(account.name, script)
        except NotPermitted as refusal:
            return refusal  # an answer like any other, and kept as such

    async def _lately(self) -> Past:
        """How earlier starts went; where nobody says, nothing is known."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._past.get((), self._ask_lately)
        except TimeoutError:
            return NOTHING

    async def _ask_lately(self) -> Past:
        partitions = {lane.partition for profile in self._site.profiles for lane in lanes(profile)}
        told, jobs = tuple[Told, ...](), tuple[PastJob, ...]()
        with suppress(LedgerError):
            told = self._ledger.told(TOLD)
        with suppress(SchedulerError):
            jobs = await self._scheduler.past(sorted(partitions), HOURS)
        return Past(told, jobs)


def _foreseen(partition: str, qos: str | None, start: datetime, past: Past) -> Foreseen:
    return foresee(partition, qos, (start - datetime.now(UTC)).total_seconds(), past)


def ways(site: Site, request: Request) -> Iterator[tuple[int, Request]]:
    """The lanes that no rule of the site closes to this request, as requests of their own, each with its number.

    A server is not put where its job may be ended for others, unless that is the profile's own lane.
    """
    known = lanes(site.profile(request.profile))
    for number, lane in enumerate(known):
        one = request if number == 0 else _by(lane, request)
        if (number and _preemptible(site, lane)) or not _allowed(site, one):
            continue
        yield number, one


def with_lane(options: Mapping[str, object], site: Site) -> dict[str, object]:
    """Turn the number of the lane that a start page showed into options, unless what was asked does not fit there."""
    shown = {f"{OPTION}{profile.name}": profile for profile in site.profiles}
    rest = {key: value for key, value in options.items() if key not in shown}
    profile = shown.get(f"{OPTION}{rest.get('profile')}")
    number = str(options.get(f"{OPTION}{rest.get('profile')}", ""))
    if rest.get("partition") or rest.get("qos"):
        return rest  # the person's own choice
    if profile is None or not number.isdecimal() or not 0 < int(number[:3]) < len(lanes(profile)):
        return rest
    lane = lanes(profile)[int(number[:3])]
    account = rest.get("account")
    told = {
        "partition": lane.partition,
        "qos": lane.qos and qos_name(lane.qos, account if isinstance(account, str) else None),
        "constraint": lane.constraint,
    }
    sooner = {**rest, **{key: value for key, value in told.items() if value}}
    try:
        parse_request(sooner, site)
    except RequestError:
        return rest
    return sooner


def _by(lane: Lane, request: Request) -> Request:
    qos = lane.qos and qos_name(lane.qos, request.account)
    return request.model_copy(update={"partition": lane.partition, "qos": qos, "constraint": lane.constraint})


def _preemptible(site: Site, lane: Lane) -> bool:
    partition = site.partition(lane.partition)
    return partition.preemptible or any(qos.preemptible for qos in partition.qos if qos.name == lane.qos)


def _allowed(site: Site, request: Request) -> bool:
    try:
        resolve(request, site)
    except RequestError:
        return False
    return True


def _minute(start: datetime | None) -> float:
    """When, in whole minutes, and not before now: what differs by seconds starts at the same time."""
    if start is None:
        return float("inf")
    return max(start, datetime.now(UTC)).timestamp() // 60
