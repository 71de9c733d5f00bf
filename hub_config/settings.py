"""WHAT ONE HUB IS: a frozen model read once from one YAML file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from spawners.model_file import read_model


class SettingsError(ValueError):
    """The settings file cannot be used; the message names file, line and key, and the valid choices."""


class Frozen(BaseModel):
    """A part of the settings: unknown keys are refused, and nothing changes after start-up."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class HubConnect(Frozen):
    """Where servers on nodes (and the proxy) reach the hub's own API."""

    ip: str = "127.0.0.1"
    port: int = Field(default=8081, ge=1, le=65535)


class Proxy(Frozen):
    """The API of a configurable-http-proxy that somebody else starts and keeps running."""

    api_url: str = Field(default="http://127.0.0.1:8001", pattern=r"^https?://[^\s/]+$")


class Auth(Frozen):
    """How people sign in: `local`, `oidc`, or the dotted name of any JupyterHub authenticator.

    `config` holds that authenticator's own traits; JupyterHub checks them when it starts.
    """

    authenticator: str = Field(default="local", alias="class", pattern=r"^(local|oidc|\w+(\.\w+)+)$")
    config: Mapping[str, Any] = {}


class Accounts(Frozen):
    """Which Unix user a hub user is: the same name, a table of names, or an account leased from a pool."""

    rule: Literal["identity", "table", "pool"] = "identity"
    table: Mapping[str, str] = {}
    pool: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _rule_has_its_data(self) -> Self:
        given = {"table": bool(self.table), "pool": bool(self.pool)}
        wanted = {name: name == self.rule for name in given}
        if given != wanted:
            needs = f"needs a non-empty '{self.rule}'" if self.rule in given else "takes neither 'table' nor 'pool'"
            raise ValueError(f"rule '{self.rule}' {needs} and nothing else beside it")
        return self


class Launcher(Frozen):
    """How the hub acts as another user: a socket service, or one command that sudo may run as anybody."""

    socket: Path | None = None
    sudo: tuple[Annotated[str, Field(pattern=r"^\S+$")], ...] = Field(
        default=(), description="argument list of the command that the sudoers rule names"
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.socket is None) == (not self.sudo):
            raise ValueError("give exactly one of 'socket' (the service's path) and 'sudo' (a command)")
        return self


class CourseService(Frozen):
    """The course service: `url` is its own address, which the proxy and servers on nodes reach.

    Its token, the same for hub and service, comes in by ONRAMP_COURSE_TOKEN.
    """

    url: str = Field(pattern=r"^https?://[^\s/]+$")


class Settings(Frozen):
    """One hub. `site` is a site's name or the path of its YAML; `state` is the hub's own 0700 directory."""

    hub: str = Field(default="onramp", pattern=r"^[a-z][a-z0-9-]{0,30}$", description="names this hub in job comments")
    title: str = Field(default="Onramp", min_length=1, description="shown on every page")
    site: str = Field(min_length=1)
    state: Path
    bind: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    hub_connect: HubConnect = HubConnect()
    proxy: Proxy = Proxy()
    db_url: str = "sqlite:///jupyterhub.sqlite"
    ledger_url: str = Field(default="sqlite:///ledger.sqlite", description="where starts of servers are noted")
    auth: Auth = Auth()
    accounts: Accounts = Accounts()
    launcher: Launcher
    course: CourseService | None = Field(default=None, description="without it, the hub has no courses")
    admins: frozenset[str] = frozenset()
    tell_when_ready: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(), description="argument list of a command that tells a person that a queued server is ready"
    )
    named_servers: int = Field(default=5, ge=0, description="named servers a person may have; 0: none")

    @model_validator(mode="after")
    def _two_files(self) -> Self:
        if self.ledger_url == self.db_url and self.db_url.startswith("sqlite"):
            raise ValueError("'db_url' and 'ledger_url' are one SQLite file: give each its own, or use PostgreSQL")
        return self

    @property
    def passwords(self) -> Path:
        """The file of argon2 hashes that local sign-in reads."""
        return self.state / "passwords.json"

    @property
    def links(self) -> Path:
        """The file of hashes of one-time sign-in links."""
        return self.state / "links.json"

    @property
    def run_key(self) -> Path:
        """The file of the key by which the accounting of runs is signed."""
        return self.state / "run_key"


def load_settings(path: Path) -> Settings:
    """Read the one settings file of a hub; SettingsError says file, line, key and what is valid there."""
    return read_model(path, Settings, SettingsError)
