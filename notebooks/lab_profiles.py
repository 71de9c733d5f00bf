"""The environments of JupyterLab's dialog for jobs: the site's profiles, with what is known of starts and costs."""

import asyncio
import os
from typing import TYPE_CHECKING

from jupyter_scheduler.environments import EnvironmentManager, EnvironmentRetrievalError
from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.models import RuntimeEnvironment

if TYPE_CHECKING:
    from spawners.scheduler import Scheduler
    from spawners.site import Site

_NO_SITE = "Notebooks become jobs from a server that was started from the hub; this is none."


class Profiles(EnvironmentManager):  # type: ignore[misc]
    """The site's profiles are the environments of the dialog, and their time limits the compute types."""

    async def list_environments(self) -> list[RuntimeEnvironment]:
        """Those that a notebook can run with, with what is known now of starts and costs."""
        from spawners.process import alone

        try:
            return await asyncio.to_thread(lambda: alone(_environments(self.slurm())))
        except (SchedulerError, ValueError) as error:  # ValueError: a mistake in the site's file
            raise EnvironmentRetrievalError(str(error)) from error

    def slurm(self) -> "Scheduler":
        """A new client."""
        return slurm()

    def manage_environments_command(self) -> str:
        """Nobody manages profiles from a notebook."""
        return ""

    def output_formats_mapping(self) -> dict[str, str]:
        """What a job makes."""
        from notebooks.lab_job_offers import FORMATS

        return FORMATS


def site() -> "Site":
    """This server's site; SchedulerError where it has none."""
    from spawners.site import load_site

    if "ONRAMP_SITE" not in os.environ:
        raise SchedulerError(_NO_SITE)
    return load_site(os.environ["ONRAMP_SITE"])


def slurm() -> "Scheduler":
    """A new client."""
    from spawners.slurm import Slurm

    return Slurm()


async def _environments(scheduler: "Scheduler") -> list[RuntimeEnvironment]:
    from notebooks.lab_job_offers import Known, askable, environments
    from spawners.run_prospect import starts, usage_of

    here = site()
    several = askable(here)
    asked = asyncio.gather(*(starts(here, one, scheduler) for one in several.values()))
    usage, when = await asyncio.gather(usage_of(None, scheduler), asked)
    return environments(here, Known(dict(zip(several, when, strict=True)), usage))
