"""What a certificate's signature holds for, and its number."""

import re
from datetime import UTC, datetime
from pathlib import Path

from curricula.certificate import Certificate, Signed, genuine, sign
from spawners.run_seal import private_key, public_key

SAID = Certificate(
    site="Here",
    course="Course two",
    track="Everything",
    title="Ready",
    percent=60,
    learner="student1",
    modules=("First", "Second"),
    at=datetime(2026, 11, 20, 12, tzinfo=UTC),
)


def test_it_holds_for_just_what_was_signed(tmp_path: Path) -> None:
    key = private_key(tmp_path / "key")
    signed, public = sign(SAID, key), public_key(key)
    assert genuine(signed, public)
    assert genuine(Signed.model_validate_json(signed.model_dump_json()), public)
    for changed in ({"learner": "student2"}, {"title": "Master"}, {"percent": 100}, {"modules": ("First",)}):
        other = signed.model_copy(update={"certificate": SAID.model_copy(update=changed)})
        assert not genuine(other, public)
    assert not genuine(signed, public_key(private_key(tmp_path / "other")))
    assert not genuine(signed.model_copy(update={"signature": "é"}), public)


def test_its_number_is_its_own_and_can_be_typed(tmp_path: Path) -> None:
    key = private_key(tmp_path / "key")
    first, other = sign(SAID, key), sign(SAID.model_copy(update={"learner": "student2"}), key)
    assert re.fullmatch(r"[A-Z2-7]{4}(-[A-Z2-7]{4}){3}", first.number)
    assert first.number == sign(SAID, key).number != other.number
