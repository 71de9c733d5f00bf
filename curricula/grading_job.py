"""What a grading job is: what it asks of Slurm, how many notebooks it examines at once, and what each may use. Pure."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from curricula.report import Limits
from spawners.render import Job, Script, render
from spawners.request import Request, RequestError, Resources, resolve
from spawners.site import Site

# Minutes for which a job is asked, unless one notebook needs more or the profile gives less.
MINUTES = 60
# And those that it has to begin and to end.
MARGIN = 2
# A notebook on a node that is given whole has at least this much of it, in MiB.
_SHARE = 2048
# A GPU's driver and libraries start threads of their own.
_GPU_PROCESSES = 256


@dataclass(frozen=True)
class GradingJob:
    """How one site grades: with which profile, and on whose account.

    `asked`: an assignment asks for the profile. Each of its notebooks then has all of it, one after the other.
    """

    site: Site
    profile: str = "cpu"
    account: str | None = None
    asked: bool = False

    def of(self, profile: str) -> Self:
        """Return the job for assignments that ask for this profile."""
        return replace(self, profile=profile, asked=True)

    def resources(self, minutes: int) -> Resources:
        """Return what the job asks for so that a notebook may take so many `minutes`. Raises RequestError, SiteError.

        Where no assignment asks for more, that is one processor. Where nodes are given whole, one costs as much as all
        of them, and the profile's number stands; where they are given in slices, it costs as much as the smallest.
        """
        if self.asked:
            _check_asked(self.site, self.profile)
        profile = self.site.profile(self.profile)
        partition = self.site.partition(profile.partition)
        all_of_it = self.asked or partition.exclusive == "always"
        request = Request(
            purpose="grading",
            profile=self.profile,
            account=self.account,
            time=max(minutes + MARGIN, min(MINUTES, profile.max_time)),
            cpus_per_task=None if all_of_it else partition.least_cpus or 1,
            gpus=None if all_of_it else 0,
        )
        return resolve(request, self.site, attended=False)

    def slots(self, resources: Resources) -> int:
        """Return how many notebooks a job examines at once: one for each processor that has memory for it."""
        return 1 if self.asked else max(1, min(resources.cpus_per_task, resources.mem // _SHARE))

    def limits(self, resources: Resources, minutes: int) -> Limits:
        """Return what one notebook may use: its time, and its share of the job's memory."""
        seconds = minutes * 60
        return Limits(
            seconds=seconds,
            cpu_seconds=seconds * (resources.cpus_per_task if self.asked else 1),
            memory_bytes=(resources.mem << 20) // self.slots(resources),
            **({"processes": _GPU_PROCESSES} if self.gpus(resources) else {}),
        )

    def gpus(self, resources: Resources) -> int:
        """Return how many GPUs a notebook has: none where no assignment asks, whatever comes with the node."""
        return resources.gpus if self.asked else 0

    def script(self, resources: Resources, folder: Path, log: Path) -> Script:
        """Return the script of a job that works on what lies in `folder`, knows nothing else, and writes to `log`."""
        words = (str(folder), str(self.slots(resources)), *(["--gpus"] if self.gpus(resources) else []))
        program = ("python", "-I", "-m", "curricula.worker", *words)
        job = Job(
            name="onramp-grade",
            comment=f"onramp:grade:{folder.name[:16]}",
            output=str(log),
            chdir="/",
            argv=resources.environment.argv(*program) if resources.environment else program,
            # Begun anew it finds in its folder what is still to be done; of two results the first stands.
            idempotent=True,
        )
        return render(self.site, resources, job)


def _check_asked(site: Site, name: str) -> None:
    """An assignment may ask for a profile of the site that is for grading and has one node. Raises RequestError."""
    fitting = [one.name for one in site.profiles if "grading" in one.purposes and one.nodes == 1]
    if name in fitting:
        return
    choices = f"Choose from: {', '.join(fitting) or 'none'}."
    known = {one.name: one for one in site.profiles}
    if name not in known:
        raise RequestError(f"There is no profile of {site.name} called '{name}'. {choices}")
    if known[name].nodes > 1:
        raise RequestError(
            f"Profile '{name}' has {known[name].nodes} nodes, and a notebook is graded on one: its walls let "
            f"no network through. Test the same code with several processes on one node, or mark the learner's own "
            f"run by what accounting says of it. {choices}"
        )
    raise RequestError(f"Profile '{name}' is not for grading. {choices}")
