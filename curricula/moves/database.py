"""What an nbgrader gradebook knows of a course before anybody hands in: due dates and students. Never written to."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nbgrader.utils import parse_utc
from pydantic import AwareDatetime, BaseModel

from curricula.moves.config import Config
from curricula.moves.files import MoveError
from curricula.roster import NAME

_ROWS = 2_000_000


class Known(BaseModel, frozen=True):
    """Due dates by assignment, students by their ids, and what of it cannot be taken."""

    due: Mapping[str, AwareDatetime] = {}
    students: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def rows(database: Path, query: str) -> list[dict[str, Any]]:
    """Return what a query finds in a database that is only looked at. Raises MoveError."""
    try:
        address = f"file:{quote(str(database.absolute()))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.row_factory = sqlite3.Row
            found = [dict(row) for row in connection.execute(query).fetchmany(_ROWS)]
    except sqlite3.Error as error:
        raise MoveError(
            f"{database.name} cannot be read as nbgrader's gradebook: {error}. Mend it, or move it away to do without."
        ) from None
    if len(found) == _ROWS:
        raise MoveError(f"{database.name} has more than {_ROWS:,} rows of one kind; that is no course of ours.")
    return found


def known_of(folder: Path, config: Config) -> Known:
    """Read the gradebook beside a course, and what its nbgrader_config.py lists."""
    due: dict[str, object] = {}
    students: list[object] = []
    left: list[str] = []
    try:
        for path in _database(folder, config):
            due |= {str(row["name"]): row.get("duedate") for row in rows(path, "SELECT * FROM assignment")}
            students += [row["id"] for row in rows(path, "SELECT * FROM student")]
    except (MoveError, KeyError) as error:
        left.append(str(error))
    due |= {str(one.get("name")): one.get("duedate") for one in _dicts(config, "db_assignments")}
    students += [one.get("id") for one in _dicts(config, "db_students")]
    moments, bad = _moments(due)
    people = dict.fromkeys(str(one) for one in students)
    odd = [one for one in people if not NAME.fullmatch(one)]
    said = [
        f"Student {ascii(one)[:60]} is no name of a hub user: add them by the name they sign in with." for one in odd
    ]
    return Known(due=moments, students=tuple(sorted({*people} - {*odd})), left=(*left, *bad, *said))


def _database(folder: Path, config: Config) -> Iterator[Path]:
    """Yield the course's gradebook, if it has one in its folder. Raises MoveError for one that lies elsewhere."""
    url = config.text("CourseDirectory.db_url")
    name = url.removeprefix("sqlite:///") if url else "gradebook.db"
    path = Path(name) if Path(name).is_absolute() else folder / name
    if url and (not url.startswith("sqlite:///") or folder.resolve() not in path.resolve().parents):
        raise MoveError(
            f"The gradebook {ascii(url.rpartition('@')[2])[:80]} is no file in this folder: copy it to gradebook.db."
        )
    if path.exists() or path.is_symlink():
        if path.is_symlink() or not path.is_file():
            raise MoveError(f"{path.name} is a link or no file, so no due dates and no students are taken from it.")
        yield path


def _dicts(config: Config, name: str) -> list[dict[str, Any]]:
    found = config.values.get(f"CourseDirectory.{name}")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _moments(due: Mapping[str, object]) -> tuple[dict[str, datetime], list[str]]:
    """Return due dates with their time zone: nbgrader's are UTC and do not say so."""
    found, bad = {}, []
    for name, text in due.items():
        if text is None:
            continue
        try:
            found[name] = parse_utc(str(text)).replace(tzinfo=UTC)
        except (ValueError, OverflowError, TypeError):
            bad.append(f"The due date of {ascii(name)[:60]}, {ascii(text)[:60]}, is no time: set `due` in course.yaml.")
    return found, bad
