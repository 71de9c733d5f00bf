"""What runs in a factory right now, as JSON. Runs inside the namespace, as root."""

import json
import subprocess
from pathlib import Path
from xmlrpc.client import ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from hub_config.factory.parts import SUPERVISOR_SOCKET
from hub_config.factory.plan import Plan

WORKING_NODES = ("idle", "mixed", "allocated", "completing")


def report() -> dict[str, object]:
    """Return {"url", "parts": {name: state}, "nodes": {name: state}, "jobs": {"id user name": state}, "healthy"}."""
    transport = SupervisorTransport(serverurl=f"unix://{SUPERVISOR_SOCKET}")
    processes = ServerProxy("http://127.0.0.1", transport=transport).supervisor.getAllProcessInfo()
    parts = {info["name"]: info["statename"].lower() for info in processes if info["name"] != "boot"}
    nodes = dict(line.split("|") for line in _slurm("sinfo", "-hN", "-o", "%N|%T"))
    jobs = dict(line.rsplit("|", 1) for line in _slurm("squeue", "-h", "-o", "%i %u %j|%T"))
    healthy = set(parts.values()) == {"running"} and len(nodes) > 0 and all(n in WORKING_NODES for n in nodes.values())
    plan = Plan.model_validate_json(Path("/srv/onramp/etc/plan.json").read_text())
    return {"url": plan.url, "parts": parts, "nodes": nodes, "jobs": jobs, "healthy": healthy}


def _slurm(*command: str) -> list[str]:
    """Return a command's lines; none where slurmctld does not answer, which the parts' states then explain."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=20, check=False)
    return done.stdout.splitlines()


if __name__ == "__main__":
    print(json.dumps(report()))
