"""A Dask worker as a job: what all jobs of one cluster share, and the script of each. Pure."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from spawners.render import Job, Script, render
from spawners.request import Resources
from spawners.site import Site

# Seconds a worker looks for its scheduler before it gives its node back.
DEATH_TIMEOUT = 60
# Seconds before the job's end at which a worker hands its data to the others and stops by itself.
LEAVE_BEFORE = 120
# All workers of a cluster began together; so many seconds apart at most, and a twentieth of their time, they leave.
STAGGER = 60
# Seconds before a worker leaves at which the one that takes its place is asked for.
HAND_OVER = 120
# What Slurm counts as the job's memory is more than the worker: its nanny, and buffers that Dask does not see.
SHARE_OF_MEMORY = 0.9


@dataclass(frozen=True)
class Pool:
    """Jobs of a cluster that are alike: the profile by which they were asked for, and what each of them gets."""

    profile: str
    resources: Resources


@dataclass(frozen=True)
class ClusterPlan:
    """One cluster: whose it is, its pools, and the names by which its jobs and files are found.

    The first pool is the one that grows and shrinks where a number is said and no profile. `server` is the job that
    the notebook runs in, or "none"; `commands` is the folder of Slurm's programs.
    """

    user: str
    site: Site
    pools: tuple[Pool, ...]
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
    def account(self) -> str | None:
        """The account that pays for all of it."""
        return self.pools[0].resources.account

    @property
    def runtime(self) -> Path:
        """The user's runtime directory, which the site's nodes share."""
        return Path(self.site.runtime(self.user, self.account))

    @property
    def folder(self) -> Path:
        """Where its credentials lie while it lives."""
        return self.runtime / f"cluster-{self.nonce}"

    def log(self, job_id: str = "%j") -> str:
        """The file in which a job's output ends up; it outlives the cluster."""
        return f"{self.runtime}/cluster-{self.nonce}-{job_id}.log"

    def script(self, pool: Pool, scheduler: str, worker: str, credentials: Mapping[str, str]) -> Script:
        """Return the script of the job of a pool that runs `worker` for the scheduler at that address.

        `credentials` are paths, by the names that Dask's command line has for them: ca-file, cert, key.
        """
        spill = self.site.spill(self.user, self.account)
        argv = _argv(self.site, pool.resources, scheduler, worker, credentials, spill)
        environment = pool.resources.environment
        job = Job(
            name="onramp-cluster",
            comment=self.comment,
            output=self.log(),
            chdir="/",
            argv=environment.argv(*argv) if environment else argv,
        )
        return render(self.site, pool.resources, job)


def _argv(
    site: Site, resources: Resources, scheduler: str, worker: str, credentials: Mapping[str, str], spill: str | None
) -> tuple[str, ...]:
    options = {
        "name": worker,
        "nthreads": resources.cpus_per_task,
        "memory-limit": f"{int(resources.mem * SHARE_OF_MEMORY)}MiB",
        "death-timeout": DEATH_TIMEOUT,
        "lifetime": f"{lifetime(resources.time) - stagger(resources.time)}s",
        "lifetime-stagger": f"{stagger(resources.time)}s",
        # Everybody on a worker's node could read its own dashboard; the scheduler's shows the same.
        "dashboard-address": "127.0.0.1:0",
        "protocol": "tls",
        # By it a task says that it needs one: dask.annotate(resources={"GPU": 1}).
        **({"resources": f"GPU={resources.gpus}"} if resources.gpus else {}),
        **({"interface": site.interface} if site.interface else {}),
        **({"local-directory": spill} if spill else {}),
        **{f"tls-{name}": path for name, path in credentials.items()},
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return ("python", "-I", "-m", "spawners.cluster_node", scheduler, *words, "--nanny", "--no-dashboard")


def lifetime(minutes: int) -> int:
    """Seconds after which a worker has left a job of so many minutes, so that nothing it holds is lost."""
    seconds = minutes * 60
    return max(seconds - LEAVE_BEFORE, seconds // 2)


def stagger(minutes: int) -> int:
    """Seconds by which a worker may leave sooner or later than another; none leaves later than it must."""
    return min(STAGGER, lifetime(minutes) // 20)


def hands_over(started: datetime, minutes: int) -> datetime:
    """When another is asked for, that takes the place of a worker whose job of so many minutes has started then."""
    soonest = lifetime(minutes) - 2 * stagger(minutes)
    return started + timedelta(seconds=max(soonest - HAND_OVER, soonest * 3 // 4))


def spread(total: int, now: Mapping[str, int]) -> dict[str, int]:
    """How many jobs of each pool a total means: the first pool makes up for it, the others keep what they have."""
    first, *others = now
    wanted = {}
    for name in others:
        wanted[name] = min(now[name], total)
        total -= wanted[name]
    return {first: total, **wanted}
