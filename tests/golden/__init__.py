"""Whole scripts of every site, as sbatch or qsub would get them: tests/golden/SITE/SHAPE.sh.

To accept a change on purpose, write them anew with `.venv/bin/python -m tests.golden` and read the difference.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from curricula.grading_job import GradingJob
from spawners.accounts import Account
from spawners.cluster_plan import ClusterPlan, Pool
from spawners.environment import Environment
from spawners.kernel_plan import KernelPlan
from spawners.render import Script, render
from spawners.request import parse_request, resolve
from spawners.run import Run
from spawners.run_submit import run_job
from spawners.server_job import server_job
from spawners.site import Profile, Purpose, Site, load_site, site_names

FOLDER = Path(__file__).parent
USER, NONCE = "student1", "0123456789abcdef"
NOT_RUN = "# Not run: written after the documentation of PBS Pro; no PBS has read it yet.\n"

# Where no environment was read for a processor: the script of a site that has got one.
STANDS_IN = "# No environment of this system is known yet: /opt/onramp stands for one that must be made.\n"

# What a site is asked for, by the name of the golden file.
SHAPES: dict[str, tuple[Purpose, Callable[[Profile], bool]]] = {
    "server": ("server", lambda profile: True),
    "kernel": ("kernel", lambda profile: profile.nodes == 1 and profile.gpus > 0),
    "1-gpu": ("run", lambda profile: profile.gpus == 1),
    "4-gpus": ("run", lambda profile: profile.nodes == 1 and profile.gpus == 4),
    "2-nodes": ("run", lambda profile: profile.nodes == 2),
    "dask-worker": ("cluster", lambda profile: profile.nodes == 1 and profile.gpus > 0),
    "grading": ("grading", lambda profile: profile.nodes == 1),
}


class Case(NamedTuple):
    """One golden file: a site, a shape, and the options that somebody would send for it."""

    site: str
    shape: str
    purpose: Purpose
    options: dict[str, str]

    @property
    def path(self) -> Path:
        """Where the golden file is."""
        return FOLDER / self.site / f"{self.shape}.sh"

    def script(self) -> Script:
        """The script of this case."""
        return script_for(equipped(self.site), self)

    def text(self) -> str:
        """What the golden file holds."""
        script = self.script()
        shebang, rest = script.text.split("\n", 1)
        told = (NOT_RUN if script.scheduler == "pbs" else "") + (STANDS_IN if "/opt/onramp/" in script.text else "")
        return f"{shebang}\n{told}{rest}"


def equipped(name: str) -> Site:
    """A site with an environment for every processor: where none was read, one that stands for what must be made."""
    site = load_site(name)
    bare = dict.fromkeys(site.arch_of(partition) for partition in site.partitions if not site.fitting(partition))
    made = (
        Environment(name=f"onramp-{number}", kind="venv", path="/opt/onramp", arch=a) for number, a in enumerate(bare)
    )
    return site.model_copy(update={"environments": (*site.environments, *made)})


def cases() -> tuple[Case, ...]:
    """The cases of all sites."""
    return tuple(case for name in site_names() for case in cases_of(equipped(name)))


def cases_of(site: Site) -> Iterator[Case]:
    """One case for each shape that a profile of the site has, and one for a course that has its own room."""
    for shape, (purpose, fits) in SHAPES.items():
        if purpose == "grading" and site.policy.unattended_submit is False:
            continue
        fitting = [profile for profile in site.profiles if purpose in profile.purposes and fits(profile)]
        if fitting:
            # What runs by itself takes the longest queue, and the smallest shape; the rest what is offered first, which
            # is the one with the fewest GPUs.
            profile = max(fitting, key=_lasting) if purpose in ("run", "cluster") else fitting[0]
            yield Case(site.name, shape, purpose, {"profile": profile.name, **_account(site, profile)})
    yield from _course(site)


def _lasting(profile: Profile) -> tuple[int, int, int]:
    return profile.max_time, -profile.gpus, profile.mem


def _course(site: Site) -> Iterator[Case]:
    """A server of a course: its account, its reservation and its QoS, where the site gives courses any of these."""
    teaching = {
        "account": site.teaching.account,
        "reservation": site.teaching.reservation,
        "qos": site.teaching.qos,
    }
    fitting = [
        profile
        for profile in site.profiles
        if "server" in profile.purposes
        and profile.gpus
        and (site.teaching.qos is None or site.teaching.qos in [q.name for q in site.partition(profile.partition).qos])
    ]
    if fitting and any(teaching.values()):
        profile = max(fitting, key=lambda one: one.max_time)
        options = {"profile": profile.name, **_account(site, profile), **{k: v for k, v in teaching.items() if v}}
        yield Case(site.name, "course", "server", options)


def _account(site: Site, profile: Profile) -> dict[str, str]:
    """The account that a job of this profile names: the example's project, in the form that the partition wants."""
    if not site.account.required:
        return {}
    template = site.partition(profile.partition).account or site.account.template
    return {"account": template.replace("{project}", site.project(site.account.example.split()[0]))}


def script_for(site: Site, case: Case) -> Script:
    """What is submitted for a case, by the code that does it."""
    if case.purpose == "grading":
        return _grading(site, case.options)
    request = parse_request(case.options, site, purpose=case.purpose)
    resources = resolve(request, site)
    if case.purpose == "server":
        account = Account(name=USER, uid=1001, gid=1001, home=f"/home/{USER}")
        script, told = server_job(site, request, account, comment=f"onramp:hub1:{USER}::", environment={})
        return Script.model_validate_json(script.model_dump_json().replace(told.nonce, NONCE))
    if case.purpose == "cluster":
        pool = Pool(request.profile, resources)
        plan = ClusterPlan(user=USER, site=site, pools=(pool,), server="4711", nonce=NONCE)
        credentials = {name: f"{plan.folder}/{name}.pem" for name in ("ca-file", "cert", "key")}
        return plan.script(pool, "tls://10.0.0.1:8786", f"{plan.name}-0", credentials)
    if case.purpose == "run":
        return render(site, resources, run_job(Run(Path(f"/home/{USER}/runs/20261120-120000-train")), resources))
    return KernelPlan(user=USER, site=site, named=site.name, resources=resources, server="4711", nonce=NONCE).script()


def _grading(site: Site, options: Mapping[str, str]) -> Script:
    """The job that grades an assignment of five minutes."""
    folder = Path("/srv/onramp/grading") / NONCE
    job = GradingJob(site, options["profile"], options.get("account"))
    return job.script(job.resources(minutes=5), folder, folder / "out" / "job.log")
