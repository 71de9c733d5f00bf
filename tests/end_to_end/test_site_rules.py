"""What the rules of a site keep people from: the same requests, past the rules and into a real Slurm.

One factory is booted from a site with every trap. Each test takes the request that its rule refuses, fills it without
asking any rule, and shows what Slurm answers, or where the job ends up, or what it costs.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Self

import pytest

from hub_config.factory.namespace import inside
from hub_config.factory.parts import PYTHON
from hub_config.factory.state import State
from spawners.environment import Environment
from spawners.render import Job, Script, render
from spawners.resources import Request, Resources, fill
from spawners.rules import RULES
from spawners.site import load_site
from spawners.site_parts import MemoryRule
from tests.end_to_end.factory import REPOSITORY, Factory, until
from tests.sites.traps import CASES, TRAPS

SITE = load_site(TRAPS)
ASKED = {case.rule: case.asked for case in CASES}
# What a case says beside the options of its request.
OF_THE_DOOR = ("folder", "attended")
# Reads scripts, one in JSON a line, and answers each with the job's id or with what Slurm said.
_SUBMIT = """
import asyncio, getpass, json, sys
from spawners.render import Script
from spawners.scheduler import SchedulerError
from spawners.slurm import Slurm

async def main():
    slurm = Slurm()
    for line in sys.stdin:
        try:
            answer = {"job": await slurm.submit(getpass.getuser(), Script.model_validate_json(line))}
        except SchedulerError as error:
            answer = {"refused": str(error)}
        print(json.dumps(answer), flush=True)

asyncio.run(main())
"""
# The first bytes of a program for another processor: an ELF file of 64 bits for aarch64, as Linux reads them.
_AARCH64 = "7f454c46020101000000000000000000" + "0200b700" + "00" * 44


class Refused(Exception):
    """Slurm's own words."""


class Submitter:
    """Somebody in the factory who submits through the real scheduler client, past every rule."""

    def __init__(self, state: State, user: str) -> None:
        self.user = user
        argv = inside(state, [PYTHON, "-I", "-c", _SUBMIT], user=user)
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def submit(self, script: Script) -> str:
        """Return the id of the job that this script became; Refused where Slurm took none."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(script.model_dump_json() + "\n")
        stdin.flush()
        answer = json.loads(stdout.readline())
        if "refused" in answer:
            raise Refused(answer["refused"])
        return str(answer["job"])


class Machine:
    """The factory of traps, and the people who submit in it."""

    def __init__(self, factory: Factory, people: dict[str, Submitter]) -> None:
        self._state = State(factory.folder)
        self._people = people

    def run(self, *command: str, user: str = "root") -> str:
        """Return what a command prints, whatever its exit code."""
        argv = inside(self._state, command, user=user)
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False).stdout

    def submit(
        self,
        options: dict[str, object],
        *argv: str,
        user: str = "student1",
        chdir: str = "/",
        memory: MemoryRule = SITE.memory,
        idempotent: bool = False,
    ) -> str:
        """Submit what a request asks for, without asking any rule; return the job's id."""
        asked = {"account": "onboarding"} | {key: value for key, value in options.items() if key not in OF_THE_DOOR}
        resources = fill(Request.model_validate(asked), SITE)
        job = Job(
            name="onramp-trap",
            comment="onramp:trap",
            output=f"/srv/onramp/spool/{user}/%j.log",
            chdir=chdir,
            argv=argv or _program(resources),
            idempotent=idempotent,
        )
        return self._people[user].submit(render(SITE.model_copy(update={"memory": memory}), resources, job))

    def job(self, job_id: str) -> dict[str, str]:
        """Return what slurmctld knows of a job."""
        words = self.run("scontrol", "--details", "--oneliner", "show", "job", job_id).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def begun(self, job_id: str) -> dict[str, str]:
        """Return what slurmctld knows of a job once it has nodes."""
        return until(f"job {job_id} runs", lambda: (job := self.job(job_id)) and job["JobState"] != "PENDING" and job)

    def ended(self, job_id: str, user: str = "student1") -> tuple[str, str]:
        """Return the state in which a job ended, and its log."""
        over = until(
            f"job {job_id} ends",
            lambda: (job := self.job(job_id)) and job["JobState"] not in ("PENDING", "RUNNING", "COMPLETING") and job,
        )
        return over["JobState"], self.run("cat", f"/srv/onramp/spool/{user}/{job_id}.log")

    def allocated(self, job_id: str) -> dict[str, str]:
        """Return what accounting says a job was given: the AllocTRES of sacct."""
        tres = until(
            f"accounting knows job {job_id}", lambda: self.run("sacct", "-nPX", "-j", job_id, "-o", "AllocTRES").strip()
        )
        return dict(part.split("=", 1) for part in tres.split(","))

    def clear(self) -> None:
        """End every job, and wait until the nodes are free again."""
        if jobs := self.run("squeue", "--noheader", "--format=%A").split():
            self.run("scancel", *jobs)
        until("no job is left", lambda: not self.run("squeue", "--noheader").strip())


def _program(resources: Resources) -> tuple[str, ...]:
    environment = resources.environment or Environment(name="none", kind="venv", path="/usr", arch="x86_64")
    return environment.argv("python", "-c", "import time; time.sleep(300)")


@pytest.fixture(scope="module")
def factory() -> Iterator[Factory]:
    """A factory whose Slurm has the limits of the site of traps."""
    one = Factory()
    try:
        one.up("--site", str(TRAPS))
        yield one
    finally:
        one.down()


@pytest.fixture(scope="module")
def people(factory: Factory) -> Iterator[dict[str, Submitter]]:
    """Two learners and a service account, each in a process of their own."""
    state = State(factory.folder)
    with (
        Submitter(state, "student1") as one,
        Submitter(state, "student2") as other,
        Submitter(state, "onramp-grade") as grader,
    ):
        yield {person.user: person for person in (one, other, grader)}


@pytest.fixture
def machine(factory: Factory, people: dict[str, Submitter]) -> Iterator[Machine]:
    """The factory of traps with no job in it."""
    one = Machine(factory, people)
    yield one
    one.clear()


def test_every_rule_is_shown() -> None:
    assert {f"test_{rule.name.replace('-', '_')}" for rule in RULES} <= set(globals())


def test_what_the_rules_let_through_runs(machine: Machine) -> None:
    """The other half of the proof: none of these limits stops a job that keeps the rules."""
    works = [case.asked | case.works for case in CASES if case.rule in ("qos-default", "whole-card", "limit")]
    jobs = [machine.submit(asked) for asked in works]

    assert [machine.begun(job)["JobState"] for job in jobs] == ["RUNNING"] * 3


def test_slurm_puts_back_into_the_queue_what_takes_no_harm_from_it_and_nothing_else(machine: Machine) -> None:
    """A grading begins once more from its start; a server's job stays as it is."""
    grading, server = machine.submit({"profile": "compute"}, idempotent=True), machine.submit({"profile": "transfer"})
    for job in (grading, server):
        machine.begun(job)
        machine.run("scontrol", "requeue", job)
    until("the grading is begun again", lambda: machine.job(grading)["Restarts"] == "1")

    assert machine.job(grading)["Requeue"] == "1"
    assert {name: machine.job(server)[name] for name in ("Requeue", "Restarts", "JobState")} == {
        "Requeue": "0",
        "Restarts": "0",
        "JobState": "RUNNING",
    }


def test_account_missing(machine: Machine) -> None:
    with pytest.raises(Refused, match="Invalid account or account/partition combination specified"):
        machine.submit(ASKED["account-missing"])


def test_account_form(machine: Machine) -> None:
    """The partition takes accounts of its own form alone (AllowAccounts)."""
    with pytest.raises(Refused, match="Invalid account or account/partition combination specified"):
        machine.submit(ASKED["account-form"])


def test_qos_missing(machine: Machine) -> None:
    """Slurm takes everybody's usual QoS instead, which the partition does not (AllowQos)."""
    with pytest.raises(Refused, match="Invalid qos specification"):
        machine.submit(ASKED["qos-missing"])


def test_qos_unknown(machine: Machine) -> None:
    with pytest.raises(Refused, match="Invalid qos specification"):
        machine.submit(ASKED["qos-unknown"])


def test_qos_default(machine: Machine) -> None:
    """The QoS that nobody asked for allows no GPU and one minute."""
    with pytest.raises(Refused, match="Job violates accounting/QOS policy"):
        machine.submit(ASKED["qos-default"])


def test_constraint(machine: Machine) -> None:
    with pytest.raises(Refused, match="names a kind of node: --constraint"):
        machine.submit(ASKED["constraint"])
    with pytest.raises(Refused, match="Invalid feature specification"):
        machine.submit(ASKED["constraint"] | {"constraint": "h100"})


def test_arch(machine: Machine) -> None:
    """The environment of another processor: its python is a real aarch64 program, as far as the kernel reads it."""
    make = "import os, sys; os.makedirs('/home/student1/arm/bin', exist_ok=True); "
    make += f"open('/home/student1/arm/bin/python', 'wb').write(bytes.fromhex('{_AARCH64}')); "
    make += "os.chmod('/home/student1/arm/bin/python', 0o755)"
    machine.run(PYTHON, "-I", "-c", make, user="student1")

    state, log = machine.ended(machine.submit(ASKED["arch"]))

    assert state == "FAILED"
    assert "Exec format error" in log


def test_environment_missing(machine: Machine) -> None:
    """What a job runs where no environment is known: the node's own python, if there is one, which has nothing of ours.

    The program is that of every promoted notebook, which ends with 0 in the environment of the factory.
    """
    look = ("python", "-I", "-c", "import spawners.run_node")
    environment = SITE.environment("onramp")

    state, log = machine.ended(machine.submit(ASKED["environment-missing"], *look))
    kept, _ = machine.ended(machine.submit(ASKED["environment-missing"], *environment.argv(*look)))

    assert state == "FAILED"
    assert re.search(r"python: not found|No module named 'spawners'", log)
    assert kept == "COMPLETED"


def test_login_only_path(machine: Machine) -> None:
    """Whoever signs in has this folder and can write there; the job, on its node, has not."""
    machine.run("sh", "-c", "mkdir /login-only/me && echo here >/login-only/me/data", user="student1")
    assert machine.run("cat", "/login-only/me/data", user="student1") == "here\n"

    _, log = machine.ended(machine.submit(ASKED["login-only-path"], "pwd", chdir="/login-only/me"))

    assert re.search(r"couldn't chdir to `/login-only/me'.*: going to /tmp instead", log)
    assert log.endswith("/tmp\n")


def test_no_internet(machine: Machine) -> None:
    """Jobs have no name server, so that nothing outside has an address for them; in the staging partition they do.

    The network itself stays: nodes here are processes that Slurm and the hub reach through it.
    """
    look = ("sh", "-c", "cat /etc/resolv.conf; getent hosts pypi.org || echo no address")
    _, log = machine.ended(machine.submit(ASKED["no-internet"], *look))
    _, staging = machine.ended(
        machine.submit(ASKED["no-internet"] | {"profile": "transfer"}, "cat", "/etc/resolv.conf")
    )

    assert log == "no address\n"
    assert staging == machine.run("cat", "/etc/resolv.conf")


def test_login_notebook(machine: Machine) -> None:
    """A server, whatever it is called, is known by its program."""
    with pytest.raises(Refused, match="notebooks are forbidden on login nodes"):
        machine.submit(ASKED["login-notebook"], "python", "-I", "-m", "spawners.node", "/srv/onramp/spool/student1/x")


def test_unattended(machine: Machine) -> None:
    """The accounts of people may submit (AllowGroups); the service that grades by night is none of them."""
    with pytest.raises(Refused, match="User's group not permitted to use this partition"):
        machine.submit(ASKED["unattended"] | {"account": "grading", "purpose": "grading"}, user="onramp-grade")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (ASKED["limit"], "Job violates accounting/QOS policy"),
        ({"profile": "compute", "time": 61}, "Requested time limit is invalid"),
        ({"profile": "compute", "nodes": 2}, "Node count specification invalid"),
        ({"profile": "compute", "cpus_per_task": 5}, "More processors requested than permitted"),
        ({"profile": "gpus", "gpus": 5}, "Requested node configuration is not available"),
    ],
    ids=["half-hour lane", "time", "nodes", "CPUs", "GPUs"],
)
def test_limit(machine: Machine, asked: dict[str, object], said: str) -> None:
    with pytest.raises(Refused, match=said):
        machine.submit(asked)


def test_memory_asked(machine: Machine) -> None:
    """A script as other sites want it, with --mem."""
    with pytest.raises(Refused, match="memory comes with the CPUs"):
        machine.submit(ASKED["memory-asked"], memory=MemoryRule(syntax="mem"))


def test_gpu_missing(machine: Machine) -> None:
    """The partition's own QoS wants one GPU at least (MinTRES)."""
    with pytest.raises(Refused, match="Job violates accounting/QOS policy"):
        machine.submit(ASKED["gpu-missing"])


def test_even_nodes(machine: Machine) -> None:
    """Asked for three, given two."""
    job = machine.submit(ASKED["even-nodes"])
    machine.begun(job)

    assert ASKED["even-nodes"]["gpus"] == 3
    assert machine.allocated(job)["gres/gpu"] == "2"


def test_whole_node(machine: Machine) -> None:
    """Asked for one GPU and one CPU, given and billed a node."""
    job = machine.submit(ASKED["whole-node"])
    machine.begun(job)

    assert ASKED["whole-node"]["gpus"] == 1
    assert {name: machine.allocated(job)[name] for name in ("cpu", "gres/gpu", "billing")} == {
        "cpu": "4",
        "gres/gpu": "4",
        "billing": "4",
    }


def test_whole_node_for_jobs_of_several(machine: Machine) -> None:
    """Asked for one CPU on each of two nodes, given and billed both."""
    one, several = machine.submit({"profile": "pairs"}), machine.submit({"profile": "pairs", "nodes": 2})
    machine.begun(one)

    assert machine.allocated(one)["billing"] == "1"
    machine.run("scancel", one)
    machine.begun(several)
    assert machine.allocated(several)["billing"] == "8"


def test_smallest_slice(machine: Machine) -> None:
    """Asked for one CPU, given and billed half a node."""
    job = machine.submit(ASKED["smallest-slice"])
    machine.begun(job)

    assert machine.allocated(job)["cpu"] == machine.allocated(job)["billing"] == "2"


def test_whole_card(machine: Machine) -> None:
    """Two people with three GPUs each on one node: the second card, GPUs 2 and 3, is shared between strangers."""
    one = machine.begun(machine.submit(ASKED["whole-card"]))
    other = machine.begun(machine.submit(ASKED["whole-card"], user="student2"))

    assert one["NodeList"] == other["NodeList"]
    assert "(IDX:0-2)" in one["GRES"]
    assert "(IDX:3-5)" in other["GRES"]


def test_gpu_share(machine: Machine) -> None:
    """One GPU and every CPU of each node: fourteen GPUs lie idle, and whoever wants one of them waits."""
    greedy = ASKED["gpu-share"] | {"nodes": 2, "gpus": 2, "cpus_per_task": 16}
    node = machine.begun(machine.submit(greedy))["NodeList"]
    modest = machine.submit(ASKED["gpu-share"] | {"cpus_per_task": 2}, user="student2")
    until("Slurm says why", lambda: machine.job(modest)["Reason"] == "Resources")

    nodes = machine.run("scontrol", "--oneliner", "show", "node", node)
    assert re.findall(r"CfgTRES=\S*gres/gpu=(\d+)", nodes) == ["8", "8"]
    assert re.findall(r"AllocTRES=\S*gres/gpu=(\d+)", nodes) == ["1", "1"]


def test_tmp_in_memory(machine: Machine) -> None:
    """What a worker would spill, 20 MB, does not fit into a /tmp of 8 MiB of memory."""
    spill = "stat --file-system --format=%T /tmp; head -c 20000000 /dev/zero >/tmp/spilled"
    state, log = machine.ended(machine.submit(ASKED["tmp-in-memory"], "sh", "-c", spill))

    assert log.startswith("tmpfs\n")
    assert "No space left on device" in log
    assert state == "FAILED"
