"""Local accounts: a hub user name and the argon2 hash of a password, in one 0600 file."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hub_config.auth import private_file

USER_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
MAX_PASSWORD = 1024
_hasher = PasswordHasher()
# Verified against when the name is unknown, so that unknown names take as long as known ones: the zeros of a hash of
# the same cost, which nobody had to compute.
_COST = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
_NOBODY = f"$argon2id$v=19${_COST}${'A' * 22}${'A' * 43}"


def set_password(path: Path, user: str, password: str) -> None:
    """Add `user` or replace the password; ValueError says why a name or password cannot be used."""
    if not USER_NAME.fullmatch(user):
        raise ValueError(f"user name {user!r}: use lower-case letters, digits, '_' and '-', at most 32, a letter first")
    if not 8 <= len(password) <= MAX_PASSWORD:
        raise ValueError(f"the password has {len(password)} characters; use 8 to {MAX_PASSWORD}")
    hashed = _hasher.hash(password)
    with private_file.changing(path) as hashes:
        hashes[user] = hashed


def users(path: Path) -> frozenset[str]:
    """Return everybody who has a local account."""
    return frozenset(private_file.read(path))


def verify(path: Path, user: str, password: str) -> bool:
    """Say whether `password` is that of `user`; the work done does not depend on whether the user exists."""
    hashes = private_file.read(path)
    try:
        _hasher.verify(hashes.get(user, _NOBODY), password[:MAX_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False
    return user in hashes


def main(argv: Sequence[str] | None = None) -> int:
    """`set USER --file FILE`: read one line, the password, from standard input."""
    parser = argparse.ArgumentParser(prog="hub_config.auth.local", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    action = actions.add_parser("set", help="add a user, or replace the password; reads it from standard input")
    action.add_argument("user")
    action.add_argument("--file", type=Path, required=True)
    given = parser.parse_args(argv)
    try:
        set_password(given.file, given.user, sys.stdin.readline().rstrip("\n"))
    except (ValueError, private_file.PrivateFileError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
