"""The peer of `onramp bench up`: stock JupyterHub with batchspawner 1.3.0's SlurmSpawner, as its README describes.

It runs as root inside the factory, on the same Slurm, nodes and .venv, and asks for what our profile "cpu" asks for.
All that differs from the README is what a factory needs, each with its reason below; the rest is left at its default.
STOCK_IP is the factory's own address; the file `password` lies beside this one.
"""

import os
from pathlib import Path

from batchspawner.api import BatchSpawnerAPIHandler
from traitlets.config import get_config

c = get_config()
ip = os.environ["STOCK_IP"]
password = Path("password").read_text()

c.JupyterHub.spawner_class = "batchspawner.SlurmSpawner"
# The README registers this by `import batchspawner`; Onramp, installed in the same .venv, takes it out again.
c.JupyterHub.extra_handlers = [("/api/batchspawner", BatchSpawnerAPIHandler)]
c.Spawner.http_timeout = 120

c.BatchSpawnerBase.req_partition = "cpu"
c.BatchSpawnerBase.req_nprocs = "2"
c.BatchSpawnerBase.req_memory = "2000"
c.BatchSpawnerBase.req_runtime = "240"
# The documented way to do without a job step, which would only cost it time.
c.SlurmSpawner.req_srun = ""

# sudo cannot run in a user namespace; setpriv does the same with less work, so this is no handicap.
c.BatchSpawnerBase.exec_prefix = "setpriv --reuid {username} --regid {username} --init-groups"
# A job finds the programs of the .venv, and listens on its node's address alone: here all nodes share one network.
c.BatchSpawnerBase.req_prologue = """\
export PATH=/srv/onramp/venv/bin:$PATH
export JUPYTERHUB_SERVICE_URL=${JUPYTERHUB_SERVICE_URL/0.0.0.0/$SLURMD_NODENAME}
"""

# Beside the factory's own hub and proxy: other ports of the same address.
c.JupyterHub.bind_url = f"http://{ip}:8090"
c.JupyterHub.hub_bind_url = f"http://{ip}:8091"
c.ConfigurableHTTPProxy.api_url = f"http://{ip}:8092"
c.ConfigurableHTTPProxy.command = ["node", "/srv/onramp/proxy/node_modules/.bin/configurable-http-proxy"]

# Everybody of the factory signs in with one password, made for this run; the admin's has to be another.
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = password
c.SharedPasswordAuthenticator.admin_password = f"admin-{password}"
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {"teacher1"}
