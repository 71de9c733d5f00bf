"""More starts in the queue than JupyterHub allows by itself, and one more: nobody is sent away. A real hub."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from spawners.slurm import AT_ONCE
from tests.hub_config.browser import Answer
from tests.hub_config.running_hub import RunningHub, started, wait

# JupyterHub's own limit of starts that are under way is 100. `onramp bench hub` holds a class of 500: here that many
# processes of sbatch would take minutes, and go through the same limit.
MANY = 110


@pytest.fixture(scope="module")
def hub() -> Iterator[RunningHub]:
    """A hub where one person may have as many servers as a class has people."""
    with started(named_servers=MANY) as running:
        yield running


def commands(hub: RunningHub, name: str) -> int:
    """How many of a command's processes there are at this moment."""
    program, count = str(hub.slurm.bin / name), 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            count += program in path.read_text().split("\0")
        except OSError:
            continue
    return count


def test_many_wait_and_one_more_gets_in(hub: RunningHub) -> None:
    hub.api("POST", "users/alice")
    answers: list[Answer] = []

    def ask(number: int) -> None:
        body = {"user_options": {"profile": "gpu-1"}}
        answers.append(hub.api("POST", f"users/alice/servers/s{number}", body))

    most = {"sbatch": 0, "squeue": 0}
    for name in most:
        hub.slurm.wait(name, 0.3)  # long enough to be counted while it runs

    def all_there() -> bool:
        most.update({name: max(most[name], commands(hub, name)) for name in most})
        # A call is noted a little before there is its job.
        return len(list((hub.slurm.state / "jobs").iterdir())) == MANY

    for number in range(MANY):
        Thread(target=partial(ask, number), daemon=True).start()
    wait(all_there, hub.log, 300)

    # While they wait, the hub answers, and the next person's start is taken as the first one's was.
    assert hub.get("health").status == 200
    assert hub.start_server("bob", profile="cpu")
    servers = json.loads(hub.api("GET", "users/alice").text)["servers"]
    assert {server["pending"] for server in servers.values()} == {"spawn"}
    assert len(servers) == MANY
    wait(lambda: len(answers) == MANY, hub.log, 120)
    assert {answer.status for answer in answers} <= {201, 202}, [answer.text for answer in answers][:3]
    assert 1 <= most["sbatch"] <= AT_ONCE
    assert most["squeue"] == 1
