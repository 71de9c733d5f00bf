"""The service as a web application, and as a program: `python -m curricula.service`, with JupyterHub's JUPYTERHUB_*."""

import argparse
import asyncio
import gc
import logging
import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler
from tornado.httpserver import HTTPServer
from tornado.ioloop import PeriodicCallback
from tornado.log import enable_pretty_logging
from tornado.web import Application, StaticFileHandler

from curricula.events import EventStore
from curricula.service import api, certifying, live, looking, mapping, pages, teaching_api
from curricula.service.desk import Desk
from curricula.service.evident import Evident, RunKey
from curricula.service.grader import Grading
from curricula.service.guesses import Guesses
from curricula.service.http import HERE, Closed, Page
from curricula.service.outages import EVERY, note_outage, show
from curricula.service.secret import secret
from curricula.service.teaching import Teaching
from spawners.site import load_site

log = logging.getLogger(__name__)
_ADDRESSES = (
    *pages.ADDRESSES,
    *looking.ADDRESSES,
    *mapping.ADDRESSES,
    *certifying.ADDRESSES,
    *api.ADDRESSES,
    *teaching_api.ADDRESSES,
    *live.ADDRESSES,
)
NAME = "onramp-course"


class Missing(Page):
    """Every address there is not."""

    def get(self, _path: str = "") -> None:
        """Say so."""
        self.explain(404, "There is no such page.")


class SignedIn(HubOAuthCallbackHandler, Closed):  # type: ignore[misc]
    """Where the hub sends back who has signed in."""


class Static(StaticFileHandler, Closed):
    """The pages' look and script."""

    def set_extra_headers(self, path: str) -> None:
        """Browsers may keep these, and ask each time whether they are still good."""
        self.set_header("Cache-Control", "no-cache")


def make_app(desk: Desk, teaching: Teaching, *, prefix: str, look: dict[str, str], cookie_secret: bytes) -> Application:
    """Return the application below `prefix` (it ends with /); `look` is what the templates say about the hub."""
    addresses = [(prefix + path, handler) for path, handler in _ADDRESSES]
    return Application(
        [
            *addresses,
            (prefix + "oauth_callback", SignedIn),
            (prefix + "static/(.*)", Static, {"path": str(HERE / "static")}),
            (prefix + "(.*)", Missing),
        ],
        desk=desk,
        teaching=teaching,
        guesses=Guesses(),
        look=look,
        cookie_secret=cookie_secret,
    )


def settle_auth() -> HubOAuth:
    """Set up sign-in through the hub from JUPYTERHUB_* in the environment; what it says of a token holds for 30 s."""
    auth = HubOAuth.instance(cache_max_age=30)
    auth.access_scopes = {f"access:services!service={NAME}", "access:services"}
    return auth


def settle_gc() -> None:
    """Have Python look for garbage seldom: a course's events are read by tens of thousands, and all of them live."""
    gc.freeze()
    gc.set_threshold(20_000)


async def serve(arguments: argparse.Namespace) -> None:
    """Answer until a signal ends it."""
    os.umask(0o077)
    settle_gc()
    store = EventStore(arguments.db or f"sqlite:///{arguments.root}/events.sqlite")
    desk = Desk(arguments.root, store)
    grading = Grading(arguments, least=arguments.min_workers)
    key = RunKey(arguments.root, os.environ.get("JUPYTERHUB_API_URL"))
    teaching = Teaching(desk, Evident(grading, key))
    settle_auth()
    look = {"hub_title": arguments.title, "site_title": load_site(arguments.site).title}
    prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
    app = make_app(desk, teaching, prefix=prefix, look=look, cookie_secret=secret(arguments.root, "cookie_secret"))
    url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    server = HTTPServer(app, max_buffer_size=10_000_000, idle_connection_timeout=120)
    server.listen(url.port or 80, url.hostname or "127.0.0.1")
    away = note_outage(desk, datetime.now(UTC))
    if away is not None:
        log.warning("the service was away for %s; deadlines in that time are later by as much as was lost", away)
    PeriodicCallback(lambda: show(desk), EVERY).start()
    grading.stand_by()
    teaching.resume()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    server.stop()
    await grading.close()
    store.close()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what the service and its commands have in common."""
    parser.add_argument("--root", type=Path, required=True, help="the course account's folder (0700)")
    parser.add_argument("--db", default="", help="SQLAlchemy's URL of the events (default: SQLite in --root)")
    parser.add_argument("--site", default="local", help="a site's name or the path of its YAML")
    acts = parser.add_mutually_exclusive_group()
    acts.add_argument("--launcher", default="/run/onramp/grade.sock", help="socket that acts as the grading account")
    words = "in its place: the command that sudo may run as the grading account, this option for each word of it"
    acts.add_argument("--sudo", action="append", metavar="WORD", help=words)
    parser.add_argument("--grading-profile", default="cpu", metavar="NAME", help="of the site, for grading jobs")
    words = "who pays for grading jobs (default: as Slurm has it for the grading account)"
    parser.add_argument("--grading-account", metavar="NAME", help=words)
    parser.add_argument("--handover", type=Path, default=Path("/srv/onramp/grading"), help="for grading jobs' files")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the service."""
    parser = argparse.ArgumentParser(prog="curricula.service", description=__doc__)
    add_options(parser)
    parser.add_argument("--title", default="Onramp", help="shown on every page")
    words = "grading jobs that stand by when there is nothing to grade (default: none)"
    parser.add_argument("--min-workers", type=int, choices=range(33), default=0, metavar="N", help=words)
    enable_pretty_logging()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    asyncio.run(serve(parser.parse_args(argv)))
