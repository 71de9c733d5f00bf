"""Who is in a course: those who joined with its code or stand on a roster, until they are taken off. Pure."""

import csv
import io
import re
from collections.abc import Iterable

from curricula.events import Event

# Names of hub users; the hub takes no others.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}", re.ASCII)
# A column that holds them: nbgrader's own word, and those of most exports. Without one of them, it is the first column.
COLUMNS = ("id", "user", "username", "login")
MOST = 10_000


class RosterError(ValueError):
    """A roster cannot be read; the message names the line, and nothing of the roster is taken."""


def members(events: Iterable[Event]) -> frozenset[str]:
    """Return who is in, by a course's events in order."""
    found: set[str] = set()
    for event in events:
        if event.kind == "joined":
            found.add(event.user or "")
        elif event.kind == "left":
            found.discard(event.user or "")
    return frozenset(found)


def read_roster(text: str) -> tuple[str, ...]:
    """Return the hub users that a CSV names, each once; of nbgrader's columns only `id` is used. Raises RosterError."""
    lines = [(number, row) for number, row in enumerate(_rows(text), 1) if any(cell.strip() for cell in row)]
    if not lines:
        raise RosterError("The roster is empty: it is a CSV with one hub user on each line.")
    header = [cell.strip().lower() for cell in lines[0][1]]
    column = next((header.index(name) for name in COLUMNS if name in header), None)
    people = [_name(number, row, column or 0) for number, row in (lines if column is None else lines[1:])]
    if len(people) > MOST:
        raise RosterError(f"The roster has {len(people)} lines; at most {MOST} are taken at once.")
    return tuple(dict.fromkeys(people))


def _rows(text: str) -> list[list[str]]:
    try:
        return [*csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=_delimiter(text), strict=True)]
    except csv.Error as error:
        raise RosterError(f"The roster is no CSV: {error}.") from None


def _delimiter(text: str) -> str:
    """Return what separates the columns: some spreadsheets write semicolons or tabs."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t", key=first.count)


def _name(number: int, row: list[str], column: int) -> str:
    name = row[column].strip() if column < len(row) else ""
    if not NAME.fullmatch(name):
        found = ascii(name)[:60] if name else "nobody"
        raise RosterError(f"Line {number} of the roster names {found}, which is no hub user. Nothing was changed.")
    return name
