"""What runs in a factory right now, as JSON. Runs inside the namespace, as root."""

import json
import subprocess
from pathlib import Path

from hub_config.factory import supervised
from hub_config.factory.plan import Plan

WORKING_NODES = ("idle", "mixed", "allocated", "completing")


def report() -> dict[str, object]:
    """Return {"url", "parts": {name: state}, "nodes": {name: state}, "jobs": {"id user name": state}, "healthy"}."""
    parts = {name: state for name, state in supervised.states().items() if name != "boot"}
    nodes = _pairs("sinfo", "-hN", "-o", "%N|%T")
    jobs = _pairs("squeue", "-h", "-o", "%i %u %j|%T")
    healthy = set(parts.values()) == {"running"} and len(nodes) > 0 and all(n in WORKING_NODES for n in nodes.values())
    plan = Plan.model_validate_json(Path("/srv/onramp/etc/plan.json").read_text())
    return {"url": plan.url, "parts": parts, "nodes": nodes, "jobs": jobs, "healthy": healthy}


def _pairs(*command: str) -> dict[str, str]:
    """Return lines `name|state`; none where slurmctld does not answer, which the parts' states then explain."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=20, check=False
    )
    rows = (line.rpartition("|") for line in done.stdout.splitlines())
    return {name: state for name, _, state in rows}


if __name__ == "__main__":
    print(json.dumps(report()))
