"""Our hub on a replayed Slurm (tests/bench/replay.py): as ./onramp up assembles it, but for whose commands it calls."""

import os
from dataclasses import replace
from pathlib import Path

from hub_config.assemble import assemble
from hub_config.settings import load_settings
from spawners.launcher import SocketLauncher
from spawners.slurm import Slurm

c = get_config()  # type: ignore[name-defined]  # noqa: F821
settings = load_settings(Path("settings.yaml"))
assemble(c, settings)
door = replace(
    c.ServerSpawner.door(),
    scheduler=Slurm(SocketLauncher(str(settings.launcher.socket)), bin=str(Path.cwd())),
)
c.ServerSpawner.door = lambda: door

# Who plays all people: it may do for each of them what they may do themselves.
c.JupyterHub.services = [{"name": "people", "api_token": os.environ["PEOPLE_TOKEN"]}]
scopes = ["admin:users", "admin:servers", "tokens"]
c.JupyterHub.load_roles = [{"name": "people", "scopes": scopes, "services": ["people"]}]
