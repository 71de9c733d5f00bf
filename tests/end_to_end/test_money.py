"""Money and lanes on a real Slurm with slurmdbd: what was used is told, and every way to ask for GPUs gives them."""

import json
import re
from collections.abc import Iterator

import pytest

from spawners.render import Job, render
from spawners.request import parse_request, resolve
from spawners.site import load_site
from tests.end_to_end.factory import Factory, until
from tests.end_to_end.person import Person

ASK = """
import asyncio, json
from spawners.slurm import Slurm
async def main():
    slurm = Slurm()
    usage, days = await asyncio.gather(slurm.usage("sme"), slurm.daily_use("sme", 14))
    print(json.dumps([usage.limits, usage.used, {str(day): used for day, used in days.items()}]))
asyncio.run(main())
"""
SYNTAXES = ("gres", "gpus", "gpus-per-node", "gpus-per-task")


@pytest.fixture(scope="module")
def person(factory: Factory) -> Iterator[Person]:
    with Person(factory, "sme1") as one:
        yield one


def submit(factory: Factory, script: str) -> str:
    """Submit as sme1 would, and return the job id."""
    done = factory.attempt("sbatch", "--parsable", user="sme1", stdin=script)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("nodes", [1, 2])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_syntax_gives_the_same_gpus(factory: Factory, syntax: str, nodes: int) -> None:
    """Four GPUs on each node, in the words of each kind of site."""
    site = load_site("local")
    gpus = tuple(gpu.model_copy(update={"syntax": syntax}) for gpu in site.gpus)
    site = site.model_copy(update={"gpus": gpus})
    options = {"profile": "gpu-4" if nodes == 1 else "gpu-8", "time": "1", "account": "sme"}
    resources = resolve(parse_request(options, site, purpose="run"), site)
    job = Job(name="onramp-run", comment="onramp:test", output="/home/sme1/%j.log", chdir="/", argv=("sleep", "2"))
    job_id = submit(factory, render(site, resources, job).text)
    try:
        tres = until("the job runs", lambda: _tres(factory, job_id))
    finally:
        factory.attempt("scancel", job_id)
    assert (tres["gres/gpu"], tres["node"]) == (str(4 * nodes), str(nodes))


def test_what_was_used_is_told_by_the_day(factory: Factory) -> None:
    """The hub's user sees what others used: without that, no budget would have a rate."""
    before = json.loads(factory.exec("python", "-c", ASK, user="onramp-hub"))
    job_id = submit(
        factory,
        "#!/bin/sh\n#SBATCH --account=sme --partition=gpu --gres=gpu:2 --mem=100 --chdir=/ -o /dev/null\nsleep 6\n",
    )
    until("the job is over", lambda: factory.accounting(job_id).get("State") == "COMPLETED")
    _, _, days = json.loads(factory.exec("python", "-c", ASK, user="onramp-hub"))

    assert before[0]["gres/gpu"] == 3000
    used = [sum(day.get("gres/gpu", 0) for day in seen.values()) for seen in (before[2], days)]
    assert 2 * 5 / 60 < used[1] - used[0] < 2 * 60 / 60


def test_the_start_page_asks_once_a_minute(factory: Factory, person: Person) -> None:
    """A question uses up a job number: two looks at the page within a minute use those of one."""
    first = submit(factory, "#!/bin/sh\n#SBATCH --chdir=/ -o /dev/null\ntrue\n")
    pages = [person.site.get("/hub/spawn", headers={"X-Onramp-Wait": "1"}).text for _ in range(2)]
    last = submit(factory, "#!/bin/sh\n#SBATCH --chdir=/ -o /dev/null\ntrue\n")

    assert all(re.search(r"Starts (at once|in about)", page) for page in pages)
    assert int(last) - int(first) <= 1 + len([p for p in load_site("local").profiles if "server" in p.purposes])


def _tres(factory: Factory, job_id: str) -> dict[str, str] | None:
    job = factory.job(job_id)
    if job.get("JobState") not in ("RUNNING", "COMPLETING", "COMPLETED"):
        return None
    return dict(part.split("=", 1) for part in job["TRES"].split(","))
