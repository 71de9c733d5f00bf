"""accounts: which Unix user a hub user is, decided once, at the door."""

import contextlib
import os
import pwd
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

UNIX_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
LEAST_UID = 1000


class AccountError(ValueError):
    """This hub user has no account to work under; the message says why and what to do."""


class Account(BaseModel, frozen=True, extra="forbid"):
    """A Unix user that jobs run as."""

    name: str
    uid: int
    gid: int
    home: str


def unix_account(name: str) -> Account:
    """Look a Unix user up; AccountError for unsafe and unknown names, root, and system users."""
    if not UNIX_NAME.fullmatch(name):
        raise AccountError(
            f"{ascii(name)[:60]} cannot be a Unix user here: a name starts with a lower-case letter or '_' "
            "and holds lower-case letters, digits, '_' and '-' (at most 32)."
        )
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise AccountError(f"There is no Unix user '{name}' on this system. Ask the site to create it.") from None
    if entry.pw_uid < LEAST_UID:
        raise AccountError(f"'{name}' is a system user (uid {entry.pw_uid}); jobs run only as people, from uid 1000.")
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, home=entry.pw_dir)


class Accounts:
    """The rule by which a site maps hub users to Unix users; make one with `identity`, `table` or `pool`."""

    def __init__(self, rule: Callable[[str], str]) -> None:
        """`rule` gives the Unix name of a hub user, or raises AccountError."""
        self._rule = rule

    def resolve(self, user: str) -> Account:
        """The Unix account of a hub user; AccountError says in a sentence why there is none."""
        if not user or len(user) > 255 or not user.isprintable():
            raise AccountError("A user name is 1 to 255 printable characters.")
        return unix_account(self._rule(user))

    @classmethod
    def identity(cls) -> "Accounts":
        """A hub user is the Unix user of the same name."""
        return cls(lambda user: user)

    @classmethod
    def table(cls, names: Mapping[str, str]) -> "Accounts":
        """Hub users are looked up in a table; who is not in it has no account."""
        table = dict(names)

        def rule(user: str) -> str:
            if user not in table:
                raise AccountError(f"{ascii(user)[:60]} is not in the table of accounts. Ask the site to add you.")
            return table[user]

        return cls(rule)

    @classmethod
    def pool(cls, names: Sequence[str], database: Path) -> "Accounts":
        """Hub users lease one of `names` (trainee01 …) when they first come, and keep it; see `Leases`."""
        return cls(Leases(names, database).lease)


class Leases:
    """Which hub user holds which pooled Unix user, kept in SQLite so that it outlives the hub."""

    def __init__(self, names: Sequence[str], database: Path) -> None:
        """`database` is created for its owner only; `names` are given out in their order."""
        self._names = tuple(names)
        self._database = database
        os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with self._transaction() as db:
            db.execute("CREATE TABLE IF NOT EXISTS leases (unix TEXT PRIMARY KEY, hub TEXT UNIQUE NOT NULL)")

    def lease(self, user: str) -> str:
        """The Unix user that `user` holds, leased now if need be; AccountError when all are taken."""
        with self._transaction() as db:
            held = db.execute("SELECT unix FROM leases WHERE hub = ?", (user,)).fetchone()
            if held and held[0] in self._names:
                return str(held[0])
            taken = {row[0] for row in db.execute("SELECT unix FROM leases")}
            free = next((name for name in self._names if name not in taken), None)
            if free is None:
                raise AccountError(f"All {len(self._names)} training accounts are taken. Ask the organiser for more.")
            db.execute("INSERT OR REPLACE INTO leases (unix, hub) VALUES (?, ?)", (free, user))
            return free

    def release(self, user: str) -> None:
        """Give the account of `user` back; its files stay, so clean its home before it is leased again."""
        with self._transaction() as db:
            db.execute("DELETE FROM leases WHERE hub = ?", (user,))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One exclusive transaction, so that two hubs (or two requests) never lease one account twice."""
        db = sqlite3.connect(self._database, timeout=30, isolation_level=None)
        try:
            db.execute("BEGIN IMMEDIATE")
            with db:
                yield db
        finally:
            db.close()
