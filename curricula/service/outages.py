"""Times when the service was away: nobody could hand in then, so no deadline may fall into one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from curricula.service.desk import Desk

# The service shows so often that it is there, and was away where it did not for so long.
EVERY = timedelta(seconds=30)
AWAY = timedelta(minutes=2)
# Who did it, in the events.
AWAY_ACTOR = "service"


def note_outage(desk: Desk, now: datetime) -> timedelta | None:
    """Record, in every course, that the service was away until `now`; return for how long, or None if it was not."""
    try:
        begin = datetime.fromtimestamp(_sign(desk).stat().st_mtime, UTC)
    except FileNotFoundError:
        begin = now
    show(desk)
    if now - begin < AWAY:
        return None
    payload = {"begin": begin.isoformat(), "end": now.isoformat()}
    for course in desk.courses():
        key = f"outage:{course.name}:{begin.isoformat()}"
        desk.store.append("outage", course=course.name, actor=AWAY_ACTOR, key=key, payload=payload)
    return now - begin


def show(desk: Desk) -> None:
    """Show that the service is there."""
    _sign(desk).touch()


def _sign(desk: Desk) -> Path:
    return desk.root / "there"
