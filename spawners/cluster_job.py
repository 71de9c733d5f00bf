"""One worker's job as Dask sees it, and the credentials by which it and the scheduler know each other."""

import contextlib
import copy
import os
import stat
from typing import Any

from dask_jobqueue.slurm import SLURMJob
from distributed.core import Status
from distributed.security import Security

from spawners.cluster import ClusterError
from spawners.cluster_plan import ClusterPlan
from spawners.scheduler import Scheduler, SchedulerError

# What Dask's command line calls each credential, and what its Security does.
CREDENTIALS = {"ca-file": "tls_ca_file", "cert": "tls_worker_cert", "key": "tls_worker_key"}


class ClusterJob(SLURMJob):
    """One worker's job: submitted and cancelled through spawners.scheduler, with a script of spawners.render."""

    def __init__(
        self,
        scheduler: str | None = None,
        name: str | None = None,
        *,
        plan: ClusterPlan,
        door: Scheduler,
        security: Security | None = None,
        **options: Any,
    ) -> None:
        """`scheduler` is the address that the worker connects to; `security` holds paths, not keys."""
        super().__init__(scheduler=scheduler, name=name, security=security, **options)
        self._plan, self._door = plan, door
        self._credentials = {option: str(getattr(security, attribute)) for option, attribute in CREDENTIALS.items()}

    def job_script(self) -> str:
        """Return the script as Slurm gets it."""
        return self._plan.script(str(self.scheduler), str(self.name), self._credentials).text

    async def start(self) -> None:
        """Submit the job; SchedulerError where Slurm refuses, and then there is no job."""
        try:
            await super().start()
        except BaseException:
            self.status = Status.failed
            raise

    async def _submit_job(self, script_filename: str) -> str:
        script = self._plan.script(str(self.scheduler), str(self.name), self._credentials)
        return await self._door.submit(self._plan.user, script)

    async def close(self) -> None:
        """Cancel the job. Where Slurm does not answer, the guard does it as soon as it can."""
        self.status = Status.closed
        if self.job_id:
            with contextlib.suppress(SchedulerError):
                await self._door.cancel(self._plan.user, self.job_id)


def make_private(plan: ClusterPlan) -> None:
    """Make the folder of the credentials, in a runtime directory of the user's own that nobody else enters."""
    try:
        plan.runtime.mkdir(mode=0o700, exist_ok=True)
        found = plan.runtime.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise ClusterError(f"The runtime directory {plan.runtime} belongs to someone else. Ask the site's support.")
        plan.runtime.chmod(0o700)
        plan.folder.mkdir(mode=0o700)
    except OSError as error:
        raise ClusterError(f"The cluster's credentials cannot be stored: {error}") from error


def write_credentials(plan: ClusterPlan, security: Security) -> Security:
    """Write the workers' credentials into the plan's folder and return the same Security with their paths."""
    paths = copy.copy(security)
    for option, attribute in CREDENTIALS.items():
        path = plan.folder / f"{option}.pem"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
            file.write(getattr(security, attribute))
        setattr(paths, attribute, str(path))
    return paths
