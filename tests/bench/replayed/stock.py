"""The peer on a replayed Slurm (tests/bench/replay.py): stock JupyterHub with batchspawner 1.3.0's SlurmSpawner.

All that differs from its README is what the replay needs, each with its reason below; the rest is left at its default.
"""

import os
from pathlib import Path

from batchspawner import SlurmSpawner
from batchspawner.api import BatchSpawnerAPIHandler
from traitlets import default

c = get_config()  # type: ignore[name-defined]  # noqa: F821
here = Path.cwd()


class Spawner(SlurmSpawner):  # type: ignore[misc]
    """The people of the bench have no Unix accounts, so there is no home and no shell to look up."""

    @default("req_homedir")
    def _homedir(self) -> str:
        return "/tmp"

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Leave it."""
        return env


c.JupyterHub.spawner_class = Spawner
# The README registers this by `import batchspawner`; Onramp, installed in the same .venv, takes it out again.
c.JupyterHub.extra_handlers = [("/api/batchspawner", BatchSpawnerAPIHandler)]
# No sudo: on a site it costs the peer, and only the peer, another process for each command.
c.BatchSpawnerBase.exec_prefix = ""
c.BatchSpawnerBase.batch_submit_cmd = f"{here}/sbatch --parsable"
c.BatchSpawnerBase.batch_query_cmd = f"{here}/squeue -h -j {{job_id}} -o '%T %B'"
c.BatchSpawnerBase.batch_cancel_cmd = f"{here}/scancel {{job_id}}"
# Whoever the bench says it is, it is; nobody signs in.
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {os.environ["ADMIN"]}
# As ours: servers outlive the hub, and so does the proxy.
c.JupyterHub.cleanup_servers = False
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = os.environ["PROXY_API"]
c.JupyterHub.bind_url = os.environ["BIND_URL"]
c.JupyterHub.hub_bind_url = os.environ["HUB_URL"]
c.JupyterHub.services = [{"name": "people", "api_token": os.environ["PEOPLE_TOKEN"]}]
scopes = ["admin:users", "admin:servers", "tokens"]
c.JupyterHub.load_roles = [{"name": "people", "scopes": scopes, "services": ["people"]}]
