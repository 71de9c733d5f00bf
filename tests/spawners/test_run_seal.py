"""The seal on accounting: what it proves, what breaks it, and who may have its key."""

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spawners.run_seal import Seal, SealError, genuine, private_key, public_key, seal
from spawners.scheduler import JobState

JOB = JobState(job_id="7", user="alice", name="onramp-run", comment="onramp:run:a", state="COMPLETED", tres="cpu=2")
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_seal_holds_for_just_what_was_signed(tmp_path: Path) -> None:
    key = private_key(tmp_path / "key")
    signed = seal(JOB, AT, key)
    public = public_key(key)
    assert genuine(JOB, signed, public)
    kept = Seal.model_validate_json(signed.model_dump_json())
    assert genuine(JobState.model_validate_json(JOB.model_dump_json()), kept, public)
    for changed in ({"state": "FAILED"}, {"user": "bob"}, {"tres": "cpu=200"}, {"end": AT}, {"comment": ""}):
        assert not genuine(JOB.model_copy(update=changed), signed, public)
    assert not genuine(JOB, signed.model_copy(update={"at": datetime.now(UTC)}), public)
    assert not genuine(JOB, signed, public_key(private_key(tmp_path / "other")))


@pytest.mark.parametrize("text", ["", "zz", "00", "é", "00" * 64])
def test_what_is_no_signature_or_key_proves_nothing(tmp_path: Path, text: str) -> None:
    key = private_key(tmp_path / "key")
    assert not genuine(JOB, Seal(at=AT, signature=text), public_key(key))
    assert not genuine(JOB, seal(JOB, AT, key), text)


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    first = public_key(private_key(path))
    assert public_key(private_key(path)) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    os.chmod(path, 0o640)
    with pytest.raises(SealError, match=r"mode 0640, so others may use it\. Run: chmod 600"):
        private_key(path)


@pytest.mark.parametrize("content", ["", "no key", "00"])
def test_a_broken_key_is_never_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(SealError, match="holds no key"):
        private_key(path)
    assert path.read_text() == content
