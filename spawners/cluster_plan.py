"""A Dask worker as a job: what all jobs of one cluster share, and the script of each. Pure."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from spawners.render import Job, Script, render
from spawners.request import Resources
from spawners.site import Site

# Seconds a worker looks for its scheduler before it gives its node back.
DEATH_TIMEOUT = 60
# Seconds before the job's end at which a worker hands its data to the others and stops by itself.
LEAVE_BEFORE = 120
# What Slurm counts as the job's memory is more than the worker: its nanny, and buffers that Dask does not see.
SHARE_OF_MEMORY = 0.9


@dataclass(frozen=True)
class ClusterPlan:
    """One cluster: whose it is, what each job gets, and the names by which its jobs and files are found.

    `server` is the job that the notebook runs in, or "none"; `commands` is the folder of Slurm's programs.
    """

    user: str
    site: Site
    resources: Resources
    server: str = "none"
    commands: str = "/usr/bin"
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def name(self) -> str:
        """The cluster's name, and how the names of its workers begin."""
        return f"onramp-{self.nonce[:8]}"

    @property
    def comment(self) -> str:
        """The comment of each of its jobs, and of no other job."""
        return f"onramp:cluster:{self.user}:{self.server}:{self.nonce}"

    @property
    def runtime(self) -> Path:
        """The user's runtime directory, which the site's nodes share."""
        return Path(self.site.runtime(self.user, self.resources.account))

    @property
    def folder(self) -> Path:
        """Where its credentials lie while it lives."""
        return self.runtime / f"cluster-{self.nonce}"

    def log(self, job_id: str = "%j") -> str:
        """The file in which a job's output ends up; it outlives the cluster."""
        return f"{self.runtime}/cluster-{self.nonce}-{job_id}.log"

    def script(self, scheduler: str, worker: str, credentials: Mapping[str, str]) -> Script:
        """Return the script of the job that runs `worker` for the scheduler at that address.

        `credentials` are paths, by the names that Dask's command line has for them: ca-file, cert, key.
        """
        spill = self.site.spill(self.user, self.resources.account)
        argv = _argv(self.site, self.resources, scheduler, worker, credentials, spill)
        environment = self.resources.environment
        job = Job(
            name="onramp-cluster",
            comment=self.comment,
            output=self.log(),
            chdir="/",
            argv=environment.argv(*argv) if environment else argv,
        )
        return render(self.site, self.resources, job)


def _argv(
    site: Site, resources: Resources, scheduler: str, worker: str, credentials: Mapping[str, str], spill: str | None
) -> tuple[str, ...]:
    options = {
        "name": worker,
        "nthreads": resources.cpus_per_task,
        "memory-limit": f"{int(resources.mem * SHARE_OF_MEMORY)}MiB",
        "death-timeout": DEATH_TIMEOUT,
        "lifetime": f"{lifetime(resources.time)}s",
        # Everybody on a worker's node could read its own dashboard; the scheduler's shows the same.
        "dashboard-address": "127.0.0.1:0",
        "protocol": "tls",
        **({"interface": site.interface} if site.interface else {}),
        **({"local-directory": spill} if spill else {}),
        **{f"tls-{name}": path for name, path in credentials.items()},
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return ("python", "-I", "-m", "spawners.cluster_node", scheduler, *words, "--nanny", "--no-dashboard")


def lifetime(minutes: int) -> int:
    """Seconds after which a worker leaves a job of so many minutes, so that nothing it holds is lost."""
    seconds = minutes * 60
    return max(seconds - LEAVE_BEFORE, seconds // 2)
