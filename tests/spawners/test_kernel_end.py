"""When a kernel in a job ends by itself: what is seen of it, minute by minute."""

from datetime import UTC, datetime

from spawners.kernel_end import KernelEnd
from spawners.site_parts import IdleRule

RULE = IdleRule(after=30, grace=10)
MINUTE = 60.0


def looked_at(end: KernelEnd, minutes: int, *, busy: tuple[str, ...] = (), asked: float = 0.0) -> list[bool]:
    """What each look says, four in each minute."""
    return [end.look(15.0 * n, asked=asked, busy=busy) for n in range(1, 4 * minutes + 1)]


def test_it_is_warned_of_and_then_released() -> None:
    end = KernelEnd(RULE, 0.0)
    assert end.interval == 15.0
    assert not any(looked_at(end, 29))
    assert end.notice(29 * MINUTE) is None
    end = KernelEnd(RULE, 0.0)
    assert not any(looked_at(end, 31))
    assert end.notice(31 * MINUTE) == {"why": "idle", "ends": iso(40)}
    end = KernelEnd(RULE, 0.0)
    assert looked_at(end, 40).index(True) == 4 * 40 - 1
    assert end.unused("5") == "Nothing happened in this kernel for 30 minutes, so its job 5 is ended."


def test_what_computes_a_cell_that_waits_and_a_person_keep_it() -> None:
    assert not any(looked_at(KernelEnd(RULE, 0.0), 200, busy=("GPU 0",)))
    end = KernelEnd(RULE, 0.0)
    assert not any(looked_at(end, 50, asked=20 * MINUTE))
    assert end.notice(50 * MINUTE) == {"why": "idle", "ends": iso(60)}


def test_silence_is_not_idleness() -> None:
    """The node was cut off, or its job paused: of that hour half a minute counts."""
    end = KernelEnd(RULE, 0.0)
    assert not end.look(60 * MINUTE, asked=0.0, busy=())
    assert end.notice(60 * MINUTE) is None


def test_without_a_rule_it_is_never_released() -> None:
    end = KernelEnd(None, 0.0)
    assert end.interval is None
    assert not end.look(1e6, asked=0.0, busy=())


def test_the_end_of_its_time_is_said_when_it_is_near_and_the_sooner_end_counts() -> None:
    end = KernelEnd(RULE, 0.0)
    end.time_up = 45 * MINUTE
    looked_at(end, 39)
    assert end.notice(39 * MINUTE) == {"why": "idle", "ends": iso(40)}
    end.time_up = 39.5 * MINUTE
    assert end.notice(39 * MINUTE) == {"why": "time", "ends": iso(39.5)}
    assert end.nearly_over("5").startswith("The time of job 5 is up at ")


def iso(minutes: float) -> str:
    """So many minutes after 1970 began."""
    return datetime.fromtimestamp(minutes * MINUTE, UTC).isoformat()
