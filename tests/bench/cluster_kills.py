"""Kills beneath a Dask cluster, one worker of which runs while two wait: of what, and what may be left after each.

Those that wait are held, as where a queue is long: nothing but a cancellation ends them.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.bench.factory import VENV, Factory
from tests.bench.hub import Hub, HubError, answers, until
from tests.bench.interleave import Measures
from tests.kernel import Kernel

# Seconds after which a job that is left is an orphan.
WITHIN = 60.0
_OPEN = """
import onramp, os
cluster = onramp.dask_cluster("cpu", jobs=3, cpus_per_task=4, time=20)
cluster.wait_for_workers(1, 60)
print(os.getpid())
"""
# Seconds that a node is away. A job younger than BatchStartTimeout and MessageTimeout together is spared by Slurm when
# its node comes back, since its script may not have begun; no machine boots in less, so nobody meets that.
AWAY = 21.0
# Every process at once of a job, as when it is out of memory; of a node, its slurmd too, as when its power is cut.
_JOB = """
import psutil, sys
step = f"slurmstepd: [{sys.argv[1]}.batch]"
(found,) = [one for one in psutil.process_iter(["cmdline"]) if " ".join(one.info["cmdline"] or ()).strip() == step]
for one in found.children(recursive=True):
    one.kill()
"""
_NODE = """
import os, psutil, subprocess, sys, time
supervisor = ["supervisorctl", "-s", "unix:///run/supervisor.sock"]
daemon = ["slurmd", "-D", "-N", sys.argv[1]]
node = [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == daemon][0]
place = os.readlink(f"/proc/{node.pid}/ns/uts")
subprocess.run([*supervisor, "stop", sys.argv[1]], check=True)
for _ in range(2):
    for pid in psutil.pids():
        try:
            if os.readlink(f"/proc/{pid}/ns/uts") == place:
                os.kill(pid, 9)
        except OSError:
            pass
time.sleep(float(sys.argv[2]))
subprocess.run([*supervisor, "start", sys.argv[1]], check=True)
"""


class Held(NamedTuple):
    """A server with a cluster: where, whose, its job, one of the cluster's that waits, its kernel, and that's pid."""

    factory: Factory
    hub: Hub
    user: str
    server: str
    waits: str
    kernel: Kernel
    pid: str

    def root(self, code: str, *words: str) -> None:
        """Run Python inside as root."""
        self.factory.run(f"{VENV}/python", "-c", code, *words)


def the_kernel(held: Held) -> str:
    """The kernel, killed. Its server goes on."""
    held.factory.run("kill", "-KILL", held.pid)
    return held.server


def the_server(held: Held) -> str:
    """Every process of the server's job."""
    held.root(_JOB, held.server)
    return ""


def the_hub(held: Held) -> str:
    """The hub; server and cluster live on, and are stopped by the hub that comes after it."""
    held.factory.run("supervisorctl", "-s", "unix:///run/supervisor.sock", "signal", "KILL", "hub")
    until(lambda: not answers(f"{held.hub.url}/hub/health"), "the end of the hub")
    until(lambda: answers(f"{held.hub.url}/hub/health"), "the next hub")
    said = held.kernel.run("print(cluster.get_client().submit(sum, (1, 2)).result(timeout=30))")
    assert said == "3", said
    held.hub.stop(held.user)
    return ""


def the_node(held: Held) -> str:
    """The node on which the server is, with all that runs there; it boots, and comes back."""
    held.root(_NODE, squeue(held.factory, held.user)[held.server].node, str(AWAY))
    return ""


def a_worker_that_waits(held: Held) -> str:
    """A job of the cluster that waits. Whoever waits for it is told, and closes the cluster."""
    held.factory.run("scancel", held.waits)
    said = held.kernel.run("cluster.wait_for_workers(3, 60)")
    assert said.startswith(f"ClusterError: Job {held.waits} of a worker has ended."), said
    held.kernel.run("cluster.close()")
    return held.server


# Each kills, has done what its owner then does, and returns the job that may be left.
KILLS: Mapping[str, Callable[[Held], str]] = {
    "kernel": the_kernel,
    "server": the_server,
    "hub": the_hub,
    "node": the_node,
    "pending": a_worker_that_waits,
}


class Job(NamedTuple):
    """A job as squeue has it."""

    state: str
    node: str


def squeue(factory: Factory, user: str) -> Mapping[str, Job]:
    """Jobs of a person that are not over, by their ids."""
    lines = factory.run("squeue", "--noheader", "--user", user, "--format=%i|%T|%N").splitlines()
    return {job_id: Job(*rest) for job_id, *rest in (line.split("|") for line in lines)}


def killed(factory: Factory, hub: Hub, user: str, kill: Callable[[Held], str]) -> Measures:
    """Start a server with a cluster and kill something: jobs that are orphans, and the seconds until none was left."""
    hub.start(user, {"profile": "cpu"})
    kernel = Kernel(f"{hub.url}/user/{user}/", hub.token)
    kernel.connect()
    (server,) = squeue(factory, user)
    pid = kernel.run(_OPEN).split()[-1]
    waiting = [job_id for job_id, job in squeue(factory, user).items() if job.state == "PENDING"]
    assert len(waiting) == 2, f"{pid}: {squeue(factory, user)}"
    factory.run("scontrol", "hold", ",".join(waiting))
    begin = time.monotonic()
    allowed = kill(Held(factory, hub, user, server, waiting[0], kernel, pid))
    while (left := squeue(factory, user).keys() - {allowed}) and time.monotonic() - begin < WITHIN:
        time.sleep(0.2)
    gone = time.monotonic() - begin
    clear(factory, hub, user)
    kernel.close()
    return {"orphans": len(left), "gone": gone}


def clear(factory: Factory, hub: Hub, user: str) -> None:
    """End what is left, so that the next round begins with nothing."""
    factory.run("scancel", "--user", user)
    with contextlib.suppress(HubError):  # the hub may have seen already that the server is over
        hub.stop(user)
    until(lambda: not hub.api("GET", f"users/{user}")["servers"], "a hub that knows of no server")
    factory.settle()
