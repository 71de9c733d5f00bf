"""What a grading job is: what it asks of Slurm, how many notebooks it examines at once, and what each may use. Pure."""

from dataclasses import dataclass
from pathlib import Path

from curricula.report import Limits
from spawners.render import Job, Script, render
from spawners.request import Request, Resources, resolve
from spawners.site import Site

# Minutes for which a job is asked, unless one notebook needs more or the profile gives less.
MINUTES = 60
# And those that it has to begin and to end.
MARGIN = 2
# A notebook on a node that is given whole has at least this much of it, in MiB.
_SHARE = 2048


@dataclass(frozen=True)
class GradingJob:
    """How one site grades: with which profile, and on whose account."""

    site: Site
    profile: str = "cpu"
    account: str | None = None

    def resources(self, minutes: int) -> Resources:
        """Return one processor for long enough that a notebook may take so many `minutes`.

        Where nodes are given whole, one processor costs as much as all of them, and the profile's number stands; where
        they are given in slices, it costs as much as the smallest. Raises RequestError.
        """
        profile = self.site.profile(self.profile)
        partition = self.site.partition(profile.partition)
        whole = partition.exclusive == "always"
        request = Request(
            purpose="grading",
            profile=self.profile,
            account=self.account,
            time=max(minutes + MARGIN, min(MINUTES, profile.max_time)),
            cpus_per_task=None if whole else partition.least_cpus or 1,
            gpus=None if whole else 0,
        )
        return resolve(request, self.site, attended=False)


def slots(resources: Resources) -> int:
    """Return how many notebooks a job examines at once: one for each processor that has memory for it."""
    return max(1, min(resources.cpus_per_task, resources.mem // _SHARE))


def limits(resources: Resources, minutes: int) -> Limits:
    """Return what one notebook may use: its time, and its share of the job's memory."""
    seconds = minutes * 60
    return Limits(seconds=seconds, cpu_seconds=seconds, memory_bytes=(resources.mem << 20) // slots(resources))


def script(site: Site, resources: Resources, folder: Path, log: Path) -> Script:
    """Return the script of a job that works on what lies in `folder`, knows nothing else, and writes to `log`."""
    program = ("python", "-I", "-m", "curricula.worker", str(folder), str(slots(resources)))
    job = Job(
        name="onramp-grade",
        comment=f"onramp:grade:{folder.name[:16]}",
        output=str(log),
        chdir="/",
        argv=resources.environment.argv(*program) if resources.environment else program,
        # Begun anew it finds in its folder what is still to be done; of two results the first stands.
        idempotent=True,
    )
    return render(site, resources, job)
