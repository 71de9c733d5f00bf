"""A kernel as a job: the script of the job that it runs in, and the names by which that is found. Pure."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from spawners.plain_error import PlainError
from spawners.render import Job, Script, render
from spawners.request import RequestError, Resources, parse_request, resolve
from spawners.scheduler import Secrets
from spawners.site import Site, SiteError, load_site
from spawners.site_parts import IdleRule


class KernelError(PlainError, RuntimeError):
    """The kernel cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class KernelPlan:
    """One kernel: whose it is, what its job gets, and the nonce by which its job and files are found.

    `named` is what `site` is found by on its node; `server` is the job that Jupyter runs in, or "none"; `idle` says
    when it is released, None: never.
    """

    user: str
    site: Site
    named: str
    resources: Resources
    server: str = "none"
    idle: IdleRule | None = None
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def comment(self) -> str:
        """The comment of its job, and of no other job."""
        return f"onramp:kernel:{self.user}:{self.server}:{self.nonce}"

    @property
    def runtime(self) -> str:
        """The user's runtime directory, which the site's nodes share."""
        return self.site.runtime(self.user, self.resources.account)

    def letter(self, values: Mapping[str, str]) -> Secrets:
        """What the job is told in private."""
        return Secrets(runtime=self.runtime, nonce=self.nonce, values=dict(values))

    def script(self) -> Script:
        """Return the script of the job; nothing of the letter is in it."""
        program = ("python", "-I", "-m", "spawners.kernel_node", self.letter({}).path)
        environment = self.resources.environment
        job = Job(
            name="onramp-kernel",
            comment=self.comment,
            output=f"{self.runtime}/{self.nonce}.log",
            chdir="/",
            argv=environment.argv(*program) if environment else program,
        )
        return render(self.site, self.resources, job)


def plan_kernel(profile: str, user: str, environ: Mapping[str, str]) -> KernelPlan:
    """Plan the kernel of a profile for a Jupyter with this environment, through the one gate; KernelError."""
    name = environ.get("ONRAMP_SITE")
    if not name:
        raise KernelError(
            "A kernel on another node needs a scheduler, and this Jupyter does not know of one. Open the notebook in a "
            "server that was started from the hub's start page, or set ONRAMP_SITE to the name of this site."
        )
    try:
        site = load_site(name)
        asked = {"profile": profile, "account": environ.get("SLURM_JOB_ACCOUNT")}
        request = parse_request(asked, site, purpose="kernel")
        resources = resolve(request, site, site.runtime(user, request.account))
    except (SiteError, RequestError) as error:
        raise KernelError(str(error)) from error
    if resources.nodes > 1:
        single = ", ".join(p.name for p in site.profiles if p.nodes == 1 and "kernel" in p.purposes)
        raise KernelError(
            f"A kernel runs on one node, and profile '{profile}' has {resources.nodes}. "
            f"Choose from: {single or 'no profile of this site'}."
        )
    server, idle = environ.get("SLURM_JOB_ID", "none"), site.profile(profile).idle
    return KernelPlan(user=user, site=site, named=name, resources=resources, server=server, idle=idle)
