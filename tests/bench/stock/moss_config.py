"""The third contender of `onramp bench spawn`: jupyterhub_moss, whose own way to configure it is `set_config`.

All else is as with stock batchspawner (jupyterhub_config.py, beside this file), at other ports. Its partitions are what
its README asks for: one, with the .venv of the factory as its environment.
"""

from pathlib import Path

import jupyterhub_moss  # type: ignore[import-not-found]  # the bench installs it for itself
from batchspawner.api import BatchSpawnerAPIHandler
from traitlets.config import get_config

exec(compile(Path("jupyterhub_config.py").read_text(), "jupyterhub_config.py", "exec"))
c = get_config()
jupyterhub_moss.set_config(c)
# Which leaves out what batchspawner needs where Onramp is installed: see the configuration of stock batchspawner.
c.JupyterHub.extra_handlers = [*c.JupyterHub.extra_handlers, ("/api/batchspawner", BatchSpawnerAPIHandler)]

environment = {"description": "factory", "path": "/srv/onramp/venv/bin", "add_to_path": True}
c.MOSlurmSpawner.partitions = {
    "cpu": {
        "architecture": "x86_64",
        "description": "CPU nodes",
        "simple": True,
        "jupyter_environments": {"default": environment},
    }
}
c.MOSlurmSpawner.req_srun = ""

address = c.JupyterHub.bind_url.rpartition(":")[0]
c.JupyterHub.bind_url = f"{address}:8093"
c.JupyterHub.hub_bind_url = f"{address}:8094"
c.ConfigurableHTTPProxy.api_url = f"{address}:8095"
