"""Evidence: a run's signed accounting as one word, made through a real hub and read by anybody."""

import base64
import json
import zlib
from pathlib import Path

import pytest

from spawners import run_record as files
from spawners.run import Run
from spawners.run_attempts import put_by
from spawners.run_evidence import evidence, statements, told, word
from spawners.run_record import RunError
from spawners.run_seal import Statement, genuine
from spawners.run_verify import sealed
from tests.hub_config.running_hub import RunningHub, hub
from tests.spawners.a_run import client
from tests.spawners.test_run_verify import home, run, server

__all__ = ["home", "hub", "run", "server"]


def packed(raw: bytes) -> str:
    return "onramp-run:" + base64.urlsafe_b64encode(zlib.compress(raw, 9)).decode().rstrip("=")


async def test_a_word_says_what_the_platform_signed(run: Run, hub: RunningHub, server: dict[str, str]) -> None:
    text = await told(run, client(hub.slurm), server)
    assert len(text) < 700
    assert text == await told(run, client(hub.slurm), server)
    (found,) = statements(f"Here it is:\n\n    {text}\n\nand again `{text}`.")
    assert (found.accounting, found.seal) == (run.record.accounting, run.record.seal)
    assert (found.seal.owner, found.accounting.state) == ("alice", "COMPLETED")
    # Anybody may ask for the key, and nobody need sign in for it.
    key = json.loads(hub.api("GET", "onramp/run-key", token="").text)["key"]
    assert key == server["ONRAMP_RUN_KEY"]
    assert genuine(found.accounting, found.seal, key)
    for changed in ({"owner": "bob"}, {"owner": None}):
        assert not genuine(found.accounting, found.seal.model_copy(update=changed), key)


async def test_a_run_that_was_resumed_has_a_word_for_each_attempt(
    run: Run, hub: RunningHub, server: dict[str, str]
) -> None:
    record = await sealed(run, client(hub.slurm), server)
    assert record.accounting is not None
    before = record.accounting.model_copy(update={"state": "TIMEOUT"})
    put_by(run.folder, record.model_copy(update={"accounting": before}))
    found = statements(await told(run, client(hub.slurm), server))
    assert [one.accounting.state for one in found] == ["TIMEOUT", "COMPLETED"]
    # What its owner wrote over it is told as it is, and whoever reads it finds that it was not signed.
    assert [genuine(one.accounting, one.seal, server["ONRAMP_RUN_KEY"]) for one in found] == [False, True]


async def test_a_run_that_is_not_over_has_none(run: Run, hub: RunningHub, server: dict[str, str]) -> None:
    hub.slurm.change((run.folder / files.JOB_ID).read_text().strip(), state="RUNNING")
    with pytest.raises(RunError, match="has no accounting to be signed yet"):
        await told(run, client(hub.slurm), server)


def test_a_name_that_is_none_of_yours(home: Path) -> None:
    with pytest.raises(RunError, match=r"There are no runs in .* onramp\.promote"):
        evidence("nothing")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "onramp-run:",
        "onramp-run:" + "A" * 100,
        "onramp-run:" + "é" * 100,
        packed(b"[]" * 50),
        packed(b'{"accounting": {}, "seal": {}}' + b" " * 100),
        packed(b'{"accounting":' + b" " * 30_000_000 + b"1}"),
        packed(b"[" * 19_000),
    ],
    ids=["nothing", "a beginning", "no archive", "no letters", "another thing", "half of it", "a bomb", "too deep"],
)
def test_what_is_no_statement_is_left_out(text: str) -> None:
    assert statements(text) == ()


async def test_a_broken_one_does_not_hide_another(run: Run, hub: RunningHub, server: dict[str, str]) -> None:
    text = await told(run, client(hub.slurm), server)
    assert len(statements(f"{text[:-20]} {text} onramp-run:{'A' * 60}")) == 1
    again = Statement.model_validate(statements(text)[0].model_dump())
    assert word(again) == text
