"""One-time sign-in links: good once, for ten minutes; only a hash of the token is kept."""

import argparse
import hashlib
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

from hub_config.auth import private_file
from hub_config.auth.passwords import USER_NAME

LIFETIME = 600
FILE_NAME = "links.json"


def mint(path: Path, user: str, base_url: str, *, now: float | None = None) -> str:
    """Return a link that signs `user` in once; JupyterHub keeps a parameter named token out of its log."""
    if not USER_NAME.fullmatch(user):
        raise ValueError(f"user name {user!r} cannot be signed in: use lower-case letters, digits, '_' and '-'")
    now = time.time() if now is None else now
    token = secrets.token_urlsafe(32)
    with private_file.changing(path) as links:
        _forget_expired(links, now)
        links[_digest(token)] = {"user": user, "expires": now + LIFETIME}
    return f"{base_url.rstrip('/')}/hub/login?{urlencode({'token': token})}"


def redeem(path: Path, token: str, *, now: float | None = None) -> str | None:
    """Return the user a token signs in and forget the token; None if it is unknown, used or expired."""
    now = time.time() if now is None else now
    with private_file.changing(path) as links:
        _forget_expired(links, now)
        link = links.pop(_digest(token), None)
    return None if link is None else str(link["user"])


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _forget_expired(links: dict[str, dict[str, float]], now: float) -> None:
    for digest in [digest for digest, link in links.items() if link["expires"] <= now]:
        del links[digest]


def main(argv: Sequence[str] | None = None) -> int:
    """`mint USER --state DIR --url BASE`: print a link; run it as the account the hub runs as."""
    parser = argparse.ArgumentParser(prog="hub_config.auth.links", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    action = actions.add_parser("mint", help="print a link that signs USER in once, within ten minutes")
    action.add_argument("user")
    action.add_argument("--state", type=Path, required=True, help="the hub's own directory")
    action.add_argument("--url", required=True, help="where a browser finds the hub")
    given = parser.parse_args(argv)
    try:
        print(mint(given.state / FILE_NAME, given.user, given.url))
    except (ValueError, private_file.PrivateFileError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
