"""A server's token is known to the hub and to the server: no command line, job record, log or other user has it."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import httpx
import pytest

from tests.end_to_end.factory import Factory, until
from tests.end_to_end.person import Person

OWNER, OTHER = "student1", "student2"
_NAMES = ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN")
# Where anything is ever written. The environment (venv) and the proxy are read-only.
_FOLDERS = ("/dev/shm", "/etc/slurm", "/home", "/run", "/srv/onramp", "/tmp", "/var")
_READ_ONLY = ("--exclude-dir=venv", "--exclude-dir=proxy")


class Server(NamedTuple):
    """A running server: its job, the pid inside of the process that holds the tokens, and the tokens."""

    job_id: str
    pid: int
    tokens: Sequence[str]


@pytest.fixture(scope="module")
def server(factory: Factory) -> Iterator[Server]:
    """A running server of OWNER, whose tokens were read as root from where only OWNER and root can."""
    with Person(factory, OWNER) as person:
        job_id = person.start(profile="cpu")
        # A server may be up before slurmdbd has heard of its job.
        until("accounting knows the job", lambda: factory.accounting(job_id))
        (pid,) = [pid for pid, args in factory.processes(OWNER) if "spawners/singleuser.py" in args]
        environment = factory.exec("cat", f"/proc/{pid}/environ").split("\0")
        variables = dict(line.split("=", 1) for line in environment if "=" in line)
        yield Server(job_id, pid, sorted({variables[name] for name in _NAMES if name in variables}))


def test_there_is_a_token_to_look_for(server: Server) -> None:
    """Without one, the other tests here would find nothing and mean nothing."""
    assert server.tokens
    assert all(re.fullmatch(r"[0-9a-zA-Z_-]{20,}", token) for token in server.tokens)


def test_no_command_line_has_it(factory: Factory, server: Server) -> None:
    """Command lines are open to everybody on a node."""
    lines = factory.exec("ps", "-ewwo", "args")
    assert "spawners/singleuser.py" in lines
    _assert_free(lines, server)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("scontrol", "show", "job", "-dd"), "JobId="),
        (("scontrol", "write", "batch_script", "JOB", "-"), "#!/bin/"),
        (("sacct", "-nPa", "-S", "2000-01-01", "--format=ALL"), "sbatch"),
        (("sacct", "-nP", "-j", "JOB", "--env-vars"), "NONE"),
        (("sacct", "-nP", "-j", "JOB", "--batch-script"), "NONE"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else "",
)
def test_slurm_does_not_know_it(factory: Factory, server: Server, command: tuple[str, ...], says: str) -> None:
    """What Slurm's programs say of the job to root, who is told everything."""
    answer = factory.exec(*(server.job_id if word == "JOB" else word for word in command))
    assert says in answer
    _assert_free(answer, server)


@pytest.mark.parametrize("table", ["job", "step", "job_env", "job_script"])
def test_the_accounting_database_does_not_have_it(factory: Factory, server: Server, table: str) -> None:
    """Every column of every row; environments and scripts are not stored at all."""
    query = f"select * from slurm_acct_db.onramp_{table}_table"
    rows = factory.exec("mariadb", "--no-defaults", "--socket=/run/mysqld/mysqld.sock", "-BNe", query)
    assert bool(rows) == (table in ("job", "step"))
    _assert_free(rows, server)


def test_only_files_of_the_hub_and_of_the_owner_have_it(factory: Factory, server: Server) -> None:
    """Searched as root, in logs, Slurm's state, homes and runtime folders: each is closed to everybody else."""
    assert _files_with(["ClusterName=onramp"], factory, "root") == ["/etc/slurm/slurm.conf"]
    found = _files_with(server.tokens, factory, "root")
    assert [name for name in found if not name.startswith(("/srv/onramp/hub/", f"/srv/onramp/spool/{OWNER}/"))] == []
    listed = [line.split() for line in factory.exec("stat", "--format=%U %a %n", *found).splitlines()]
    assert [line for line in listed if line[0] not in ("onramp-hub", OWNER) or line[1] != "600"] == []


def test_no_file_that_another_learner_can_read_has_it(factory: Factory, server: Server) -> None:
    """Searched as OTHER."""
    assert _files_with(["ClusterName=onramp"], factory, OTHER) == ["/etc/slurm/slurm.conf"]
    assert _files_with(server.tokens, factory, OTHER) == []


def test_another_learner_cannot_read_the_process(factory: Factory, server: Server) -> None:
    """The kernel keeps a process's environment from everybody but its user and root."""
    assert factory.exec("cat", f"/proc/{server.pid}/environ", user=OWNER)
    refused = factory.attempt("cat", f"/proc/{server.pid}/environ", user=OTHER)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Permission denied" in refused.stderr


@pytest.mark.parametrize(
    "folder",
    [f"/home/{OWNER}", f"/srv/onramp/spool/{OWNER}", "/srv/onramp/hub", "/srv/onramp/course", "/var/log/onramp"],
)
def test_another_learner_cannot_look_into(factory: Factory, server: Server, folder: str) -> None:
    """Homes, runtime folders, the hub's state, the course's and the logs are closed."""
    assert factory.exec("ls", "-A", folder) or folder.endswith("course")
    refused = factory.attempt("ls", folder, user=OTHER)
    assert refused.returncode != 0
    assert "Permission denied" in refused.stderr


def test_the_file_with_the_secrets_is_gone(factory: Factory, server: Server) -> None:
    """It is read once, when the job starts, and deleted."""
    assert factory.exec("find", "/srv/onramp/spool", "-name", "*.json", "-maxdepth", "2") == ""


@pytest.mark.parametrize(
    ("body", "status"),
    [({"port": 8888}, 409), ({"port": 22}, 400), ({"port": 8888, "ip": "127.0.0.1"}, 400), ({}, 400)],
)
def test_with_it_a_running_server_changes_nothing(
    factory: Factory, server: Server, body: dict[str, object], status: int
) -> None:
    """The port is taken once, while the start waits for it, and nothing else ever."""
    for token in server.tokens:
        headers = {"Authorization": f"token {token}"}
        assert httpx.post(f"{factory.url}/hub/api/onramp/port", json=body, headers=headers).status_code == status


def _files_with(words: Sequence[str], factory: Factory, user: str) -> list[str]:
    """The files below _FOLDERS that `user` can read and that hold one of `words`, which grep gets on its input."""
    command = ("grep", "-rlFas", "--devices=skip", *_READ_ONLY, "--file=-", *_FOLDERS)
    found = factory.attempt(*command, user=user, stdin="\n".join(words))
    return sorted(found.stdout.split())


def _assert_free(text: str, server: Server) -> None:
    for token in server.tokens:
        assert token not in text
