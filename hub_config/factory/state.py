"""The folder a factory lives in: what is written there before it starts, and how its parts are found again."""

import json
import os
import secrets
import socket
import zlib
from collections.abc import Mapping
from pathlib import Path

import yaml

from hub_config.auth.passwords import set_password
from hub_config.factory import etc
from hub_config.factory.courses import pack
from hub_config.factory.parts import (
    COURSE_PORT,
    HUB_API_PORT,
    HUB_STATE,
    LAUNCHER_SOCKET,
    PROXY_API_PORT,
    SITE,
    parts,
    supervisor_conf,
)
from hub_config.factory.plan import PEOPLE, Cluster, Plan, find_gpus, make_plan
from hub_config.factory.rehearsal import rehearsed
from hub_config.factory.site_slurm import cluster
from spawners.site import load_site

# Folder or file below the state folder, its owner (or owner:group), its mode; handed over by namespace.sh, as root.
_OWNED = (
    ("etc/munge", "munge", 0o700),
    ("etc/munge/munge.key", "munge", 0o400),
    ("etc/slurm/slurmdbd.conf", "slurm", 0o600),
    ("srv/onramp/hub", "onramp-hub", 0o700),
    ("srv/onramp/hub/passwords.json", "onramp-hub", 0o600),
    ("srv/onramp/course", "onramp-course", 0o700),
    ("srv/onramp/etc/onboarding.tar", "onramp-course", 0o400),
    # What a grading job is told and answers: its folders belong to the one and are open to the group of the other.
    ("srv/onramp/grading", "onramp-course:onramp-grade", 0o2710),
    ("srv/onramp/spool", "root", 0o755),
    ("srv/onramp/spool/onramp-grade", "onramp-grade", 0o700),
    ("var/lib/mysql", "mysql", 0o700),
    ("var/lib/munge", "munge", 0o700),
    ("var/log/munge", "munge", 0o700),
    ("var/log/onramp", "root", 0o700),
    ("var/spool/slurmctld", "slurm", 0o700),
    ("var/tmp", "root", 0o1777),
    ("tmp", "root", 0o1777),
)
# The checkout's, since the wheel leaves a course's sources out.
ONBOARDING = Path(__file__).resolve().parents[2] / "curricula/onboarding"
_FOLDERS = ("etc/slurm", "srv/onramp/etc", "srv/onramp/venv", "srv/onramp/proxy", "home")


class State:
    """A state folder as seen from the host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.logs = self.folder / "var/log/onramp"
        self.events = self.logs / "boot.jsonl"
        self.pid_file = self.folder / "factory.pid"
        self._plan_file = self.folder / "srv/onramp/etc/plan.json"

    @property
    def plan(self) -> Plan | None:
        """The plan of the factory that lives here, or None where none was ever started."""
        try:
            return Plan.model_validate_json(self._plan_file.read_text())
        except FileNotFoundError:
            return None

    @property
    def site(self) -> str | None:
        """The site whose factory lives here, as `up --site` was told; None where none was ever started."""
        try:
            plan = json.loads(self._plan_file.read_text())
        except FileNotFoundError:
            return None
        # Before a factory could be of another site, its plan named none.
        return str(plan.get("cluster", {}).get("site", "local"))

    def prepare(self, port: int, site: str = "local") -> Mapping[str, str]:
        """Write everything a start of `site` needs; homes, accounting and accounts of an earlier start are kept.

        Returns the passwords made for people who had none, which are kept nowhere but as hashes. SiteError and
        RehearsalError where that site cannot be.
        """
        first = not self._plan_file.exists()
        here = rehearsed(load_site(site))
        plan = self._settle(port, cluster(here, site, find_gpus()))
        for name in (*_FOLDERS, *(path for path, _, mode in _OWNED if mode & 0o100)):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._write_etc(plan)
        conf = supervisor_conf(parts(plan, proxy_token=secrets.token_hex(32), course_token=secrets.token_hex(32)))
        self._write("srv/onramp/etc/supervisord.conf", conf, 0o600)
        self._write("srv/onramp/etc/settings.yaml", yaml.safe_dump(_settings(plan), sort_keys=False))
        self._write(SITE.lstrip("/"), yaml.safe_dump(here.model_dump(mode="json"), sort_keys=False))
        # Solutions and hidden tests: not in the wheel, and read by the course account alone.
        self._write("srv/onramp/etc/onboarding.tar", pack(ONBOARDING), 0o600)
        self._write("owners", _owners(plan))
        self.events.unlink(missing_ok=True)
        passwords = self._new_secrets() if first else {}
        # Last, so that a start that broke off before is begun anew.
        self._write("srv/onramp/etc/plan.json", plan.model_dump_json(indent=1))
        return passwords

    def _new_secrets(self) -> Mapping[str, str]:
        self._write("etc/munge/munge.key", secrets.token_bytes(1024), 0o600)
        people = {name: secrets.token_urlsafe(9) for name in PEOPLE}
        file = self.folder / "srv/onramp/hub/passwords.json"
        for name, password in people.items():
            set_password(file, name, password)
        file.with_suffix(".lock").unlink()
        return people

    def _settle(self, port: int, cluster_: Cluster) -> Plan:
        """Keep an earlier plan but for the port and the addresses, which another factory may have taken since."""
        plan = make_plan(port, _free_network(self.folder), cluster_)
        if self._plan_file.exists():  # of this version or an older one: the owners of its homes stay
            plan = plan.model_copy(update={"first_uid": json.loads(self._plan_file.read_text())["first_uid"]})
        return plan

    def _write_etc(self, plan: Plan) -> None:
        for name in ("passwd", "group"):
            lines = Path("/etc", name).read_text().splitlines()
            self._write(f"etc/{name}", getattr(etc, name)(plan, lines))
        self._write("etc/hosts", etc.hosts(plan))
        self._write("etc/gitconfig", etc.gitconfig())
        self._write("etc/slurm/slurm.conf", etc.slurm_conf(plan))
        self._write("etc/slurm/gres.conf", etc.gres_conf(plan))
        self._write("etc/slurm/slurmdbd.conf", etc.slurmdbd_conf(plan), 0o600)
        self._write("etc/slurm/mariadb.sql", etc.mariadb_sql())
        self._write("etc/slurm/job_submit.lua", etc.job_submit_lua(plan))
        self._write("etc/slurm/emulated-gpus", "".join(f"{name}\n" for name in plan.emulated_gpus))
        self._write("etc/slurm/login-only", "".join(f"{tree}\n" for tree in plan.nodes[0].hidden))

    def _write(self, name: str, content: str | bytes, mode: int = 0o644) -> None:
        """Replace a file whole: an earlier one may belong to an account of the namespace."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)


def _settings(plan: Plan) -> Mapping[str, object]:
    """Return the hub's settings (hub_config.settings.Settings) for this factory."""
    return {
        "hub": "factory",
        "site": SITE,
        "port": plan.port,
        "hub_connect": {"ip": plan.control, "port": HUB_API_PORT},
        "proxy": {"api_url": f"http://{plan.control}:{PROXY_API_PORT}"},
        "state": HUB_STATE,
        "launcher": {"socket": LAUNCHER_SOCKET},
        "course": {"url": f"http://{plan.control}:{COURSE_PORT}"},
        "admins": ["teacher1"],
    }


def _owners(plan: Plan) -> str:
    """Return lines `uid:gid mode path`, the home of each person included."""
    uids = {"root": 0, **plan.uids}
    owned = (*_OWNED, *((f"home/{name}", name, 0o700) for name in PEOPLE))
    owned += tuple((f"srv/onramp/spool/{name}", name, 0o700) for name in PEOPLE)
    lines = []
    for path, whose, mode in owned:
        owner, _, group = whose.partition(":")
        lines.append(f"{uids[owner]}:{uids[group or owner]} {mode:o} {path}\n")
    return "".join(lines)


def _free_network(folder: Path) -> int:
    """Return a second byte of 127.x.0.1 on which no other factory's hub listens.

    Each folder begins at its own, so that two factories that start at once do not meet.
    """
    first = zlib.crc32(bytes(folder))
    for network in (101 + (first + step) % 150 for step in range(150)):
        with socket.socket() as probe:
            if probe.connect_ex((f"127.{network}.0.1", HUB_API_PORT)) != 0:
                return network
    raise OSError("127.101.0.1 to 127.250.0.1 are all taken: end a factory with `./onramp down --state DIR`")


def read_events(path: Path) -> list[dict[str, object]]:
    """Return the events the boot has written so far, whole lines only."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
