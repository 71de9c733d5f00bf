"""A factory comes and goes, and the machine is as it was."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from hub_config.factory.parts import HUB_API_PORT, PROXY_API_PORT
from hub_config.factory.state import State
from tests.end_to_end.factory import REPOSITORY, Factory, until
from tests.end_to_end.host import Host, listening, namespace_of, processes_of
from tests.end_to_end.person import Person

# In the environment of everything that `up` starts on the host, so that a leftover is known for what it is.
MARK = "ONRAMP_TEST=host-untouched"


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[Factory]:
    """A factory that is not up yet. As root, `up` has a /tmp of its own: leftovers are seen."""
    monkeypatch.setenv(*MARK.split("="))
    folder = Path(tempfile.mkdtemp(prefix="onramp-host-", dir="/var/tmp"))
    for name in ("state", "tmp"):
        (folder / name).mkdir()
    one = Factory(folder / "state", prefix=_private_tmp(folder) if os.geteuid() == 0 else ())
    try:
        yield one
        assert _left(folder / "tmp") == set()
    finally:
        if one.folder.exists():
            one.down()
        shutil.rmtree(folder)


def test_up_use_down(own: Factory, factory: Factory) -> None:
    """Files, users, units, mounts, ports and processes, with a server started and stopped, beside another factory."""
    before, ports = Host.look(), listening()
    own.up()
    with namespace_of(own.first_process) as namespaces:
        opened = listening() - ports
        assert _addresses(own) <= opened
        assert [address for address in opened if not address.startswith("127.")] == []
        _they_do_not_meet(own, factory)
        with Person(own, "student1") as person:
            person.start(profile="gpu-1")
        assert processes_of(MARK, namespaces)
        own.down(purge=False)
        assert processes_of(MARK, namespaces) == {}
    assert _addresses(own) & listening() == set()
    after = Host.look()
    assert {path for path in {*before.etc, *after.etc} if before.etc.get(path) != after.etc.get(path)} == set()
    assert after.mounts == before.mounts
    assert after.run - before.run == frozenset()


def test_a_second_up_keeps_what_people_have(own: Factory) -> None:
    """Homes, accounting and passwords outlive `down`; a new `up` prints no new passwords."""
    assert own.up().keys() >= {"student1", "teacher1"}
    hashes = own.exec("cat", "/srv/onramp/hub/passwords.json")
    own.exec("sh", "-c", "echo mine > /home/student1/file", user="student1")
    own.exec("srun", "--partition=cpu", "true", user="student1")
    jobs = until("accounting has the job", lambda: own.submitted("student1"))
    own.down(purge=False)
    assert own.up() == {}
    assert own.exec("cat", "/home/student1/file", user="student1") == "mine\n"
    assert own.submitted("student1") == jobs
    assert own.exec("cat", "/srv/onramp/hub/passwords.json") == hashes
    own.exec("srun", "--partition=cpu", "true", user="student1")


def test_a_killed_factory_leaves_no_process(own: Factory) -> None:
    """Whoever kills the one process that `up` leaves on the host ends all of them, and may start again.

    What ran is over then, to Slurm too, and keeps no node from others.
    """
    own.up()
    job = own.exec("sbatch", "--parsable", "--output=/dev/null", "--wrap=sleep 600", user="student1").strip()
    until("the job runs", lambda: own.job(job)["JobState"] == "RUNNING")
    until("slurmctld has noted it", lambda: _saved(own, job))
    with namespace_of(own.first_process) as namespaces:
        os.kill(own.pid, signal.SIGKILL)
        until("every process ended", lambda: not processes_of(MARK, namespaces))
    assert own.status().returncode != 0
    own.up()
    assert own.status().returncode == 0
    assert own.ended(job)["State"] == "NODE_FAIL"
    own.exec("srun", "--partition=cpu", "true", user="student1")


def _saved(one: Factory, job: str) -> bool:
    """Whether the state that the next slurmctld starts from knows that the job runs."""
    begun = datetime.fromisoformat(one.job(job)["StartTime"]).timestamp()
    return int(one.exec("stat", "--format=%Y", "/var/spool/slurmctld/job_state")) > begun


@pytest.mark.parametrize("moment", ["munge", "Ctrl-C ends it"], ids=["while it starts", "once it is up"])
def test_ctrl_c_ends_everything(own: Factory, moment: str) -> None:
    """Without --detach, the terminal holds the factory."""
    argv = own.argv("up", "--port", str(own.port))
    terminal = subprocess.Popen(
        argv, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    with terminal:
        assert terminal.stdout is not None
        assert any(moment in line for line in terminal.stdout), "it ended without saying so"
        with namespace_of(own.first_process) as namespaces:
            assert processes_of(MARK, namespaces)
            os.killpg(terminal.pid, signal.SIGINT)
            said = terminal.stdout.read()
            terminal.wait()
            assert processes_of(MARK, namespaces) == {}
    assert "Traceback" not in said


def _addresses(one: Factory) -> set[str]:
    """Return where a factory listens by its plan; other work on the machine may open ports meanwhile."""
    plan = State(one.folder).plan
    assert plan is not None
    slurm = (plan.slurm_port(name) for name in ("slurmctld", "slurmdbd", *(node.name for node in plan.nodes)))
    control = (f"{plan.control}:{port} tcp" for port in (HUB_API_PORT, PROXY_API_PORT))
    return {*control, *(f"127.0.0.1:{port} tcp" for port in (plan.port, *slurm))}


def _they_do_not_meet(one: Factory, other: Factory) -> None:
    """Neither sees the other's jobs, people or processes."""
    one.exec("sbatch", "--partition=cpu", "--hold", "--wrap=true", user="student3")
    assert len(one.jobs("student3")) == 1
    assert other.jobs("student3") == []
    one.exec("touch", "/home/student3/only-here", user="student3")
    assert "only-here" not in other.exec("ls", "/home/student3", user="student3")
    # Numbers of processes say nothing: each counts them from 1.
    seen, others = _pid_namespaces(one), _pid_namespaces(other)
    assert (len(seen), len(others)) == (1, 1)
    assert not seen & others
    one.exec("scancel", "--user=student3")


def _pid_namespaces(factory: Factory) -> set[str]:
    """Return those of its processes, but for the sandbox of a grading job that stands by already."""
    lines = factory.exec("ps", "-eo", "pidns=,args=").splitlines()
    return {line.split()[0] for line in lines if "bwrap" not in line and "curricula.zygote" not in line}


def _private_tmp(folder: Path) -> Sequence[str]:
    """Return what runs a command with folder/tmp as its /tmp, with the checkout in it where that lies there."""
    keep = 'case $PWD in /tmp/*) mkdir -p "$0$PWD" && mount --bind "$PWD" "$0$PWD" ;; esac'
    return (
        "unshare",
        "--mount",
        "sh",
        "-c",
        f'{keep} && mount --rbind "$0/tmp" /tmp && cd "$PWD" && exec "$@"',
        str(folder),
    )


def _left(tmp: Path) -> set[str]:
    """Return what lies in a private /tmp beside the way to the checkout."""
    way = REPOSITORY.parts[2] if REPOSITORY.is_relative_to("/tmp") else ""
    return {path.name for path in tmp.iterdir()} - {way}
