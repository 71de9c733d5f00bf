"""Settings + Site become JupyterHub's traits: one function per topic, each testable with a bare Config()."""

import os
from functools import partial

from traitlets.config import Config

from hub_config import pages
from hub_config.pages.endings import ended
from hub_config.settings import Settings, SettingsError
from spawners.accounts import Accounts
from spawners.door import Door
from spawners.launcher import SocketLauncher, SudoLauncher
from spawners.ledger import Ledger
from spawners.run_seal import PUBLIC_KEY, private_key, public_key
from spawners.site import load_site
from spawners.slurm import Slurm

AUTHENTICATORS = {
    "local": "hub_config.auth.local.LocalAuthenticator",
    "oidc": "oauthenticator.generic.GenericOAuthenticator",
}
COURSES = "onramp-course"
# Seconds for which the start page waits for a refusal, before the page of the queued start takes its place.
QUEUED_AFTER = 3
# What a name may be made of, so that it can stand in a job's comment and in a path.
USERNAME_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}\Z"


def assemble(c: Config, settings: Settings) -> None:
    """Set every trait of this hub on `c`."""
    site = load_site(settings.site)
    door = Door(
        hub=settings.hub,
        site=site,
        scheduler=Slurm(_launcher(settings)),
        accounts=_accounts(settings),
        ledger=Ledger(settings.ledger_url, settings.hub),
    )
    addresses(c, settings)
    state(c, settings)
    sign_in(c, settings)
    servers(c, settings, door)
    pages_of(c, settings, door)
    courses(c, settings)


def addresses(c: Config, settings: Settings) -> None:
    """Where the hub listens, where the proxy is, and where servers find the hub."""
    c.JupyterHub.bind_url = f"http://{settings.bind}:{settings.port}"
    c.JupyterHub.hub_bind_url = f"http://{settings.hub_connect.ip}:{settings.hub_connect.port}"
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = settings.proxy.api_url


def state(c: Config, settings: Settings) -> None:
    """Where the hub keeps what outlives it; servers outlive it too."""
    c.JupyterHub.db_url = settings.db_url
    c.JupyterHub.cookie_secret_file = str(settings.state / "cookie_secret")
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.upgrade_db = True


def sign_in(c: Config, settings: Settings) -> None:
    """Who may come in."""
    name = settings.auth.authenticator
    c.JupyterHub.authenticator_class = AUTHENTICATORS.get(name, name)
    c.Authenticator.admin_users = set(settings.admins)
    c.Authenticator.username_pattern = USERNAME_PATTERN
    if name == "local":
        c.LocalAuthenticator.password_file = str(settings.passwords)
        c.LocalAuthenticator.link_file = str(settings.links)
    section = c[AUTHENTICATORS.get(name, name).rpartition(".")[2]]
    section.update(settings.auth.config)


def servers(c: Config, settings: Settings, door: Door) -> None:
    """How servers start: a queued start is no failed start, so nothing here limits or ends it by time."""
    c.JupyterHub.spawner_class = "spawners.server.ServerSpawner"
    c.JupyterHub.concurrent_spawn_limit = 0
    c.JupyterHub.allow_named_servers = settings.named_servers > 0
    c.JupyterHub.named_server_limit_per_user = settings.named_servers
    c.JupyterHub.tornado_settings = {
        "onramp_site": door.site,
        "onramp_run_key": settings.run_key,
        "slow_spawn_timeout": QUEUED_AFTER,
    }
    # traitlets copies what is configured; a callable keeps all spawners on the one Door.
    c.ServerSpawner.door = lambda: door
    c.ServerSpawner.consecutive_failure_limit = 0
    c.ServerSpawner.default_url = "/lab"
    c.ServerSpawner.ready_command = list(settings.tell_when_ready)
    c.ServerSpawner.environment = {
        "ONRAMP_SITE": settings.site,
        # The key is made when it is first needed.
        PUBLIC_KEY: lambda _: public_key(private_key(settings.run_key)),
    }


def pages_of(c: Config, settings: Settings, door: Door) -> None:
    """What people see."""
    c.JupyterHub.template_paths = [str(pages.TEMPLATES)]
    c.JupyterHub.template_vars = {
        "hub_title": settings.title,
        "site_title": door.site.title,
        "style_version": pages.VERSION,
        # JupyterHub calls what it finds here with whoever looks at the page.
        "ended": lambda _: partial(ended, door),
    }
    c.ServerSpawner.options_form = pages.HAS_FORM


def courses(c: Config, settings: Settings) -> None:
    """The course service, which everybody may use, in a browser and with the token of a server."""
    if settings.course is None:
        return
    token = os.environ.get("ONRAMP_COURSE_TOKEN")
    if not token:
        raise SettingsError(
            "course.url is set, but ONRAMP_COURSE_TOKEN is not: give hub and course service the same random token "
            "in it, or leave 'course' out of the settings."
        )
    access = f"access:services!service={COURSES}"
    c.JupyterHub.services = [
        {
            "name": COURSES,
            "url": settings.course.url,
            "api_token": token,
            "oauth_no_confirm": True,
        }
    ]
    c.JupyterHub.load_roles = [{"name": "user", "scopes": ["self", access]}]
    # What JupyterHub gives a server's token by itself, and the courses.
    c.ServerSpawner.server_token_scopes = ["users:activity!user", "access:servers!server", access]
    c.ServerSpawner.environment["ONRAMP_COURSE_URL"] = f"{settings.course.url}/services/{COURSES}/"


def _accounts(settings: Settings) -> Accounts:
    match settings.accounts.rule:
        case "table":
            return Accounts.table(settings.accounts.table)
        case "pool":
            return Accounts.pool(settings.accounts.pool, settings.state / "leases.sqlite")
        case "identity":
            return Accounts.identity()


def _launcher(settings: Settings) -> SocketLauncher | SudoLauncher:
    if settings.launcher.socket is not None:
        return SocketLauncher(str(settings.launcher.socket))
    return SudoLauncher(settings.launcher.sudo)
