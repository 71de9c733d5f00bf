"""Local accounts in one private file."""

import io
import json
import stat
from pathlib import Path

import pytest

from hub_config.auth import passwords, private_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "passwords.json"
    passwords.set_password(path, "alice", "correct horse")
    return path


def test_only_the_owner_reads_it_and_it_holds_no_password(file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(json.loads(file.read_text())) == ["alice"]
    assert json.loads(file.read_text())["alice"].startswith("$argon2id$")


def test_the_right_password_and_no_other(file: Path) -> None:
    assert passwords.verify(file, "alice", "correct horse")
    assert not passwords.verify(file, "alice", "correct horse ")
    assert not passwords.verify(file, "alice", "")
    assert not passwords.verify(file, "bob", "correct horse")
    assert not passwords.verify(file, "bob", "no account has this hash")
    assert not passwords.verify(file, "alice", "x" * 100_000)


def test_a_new_password_replaces_the_old_one(file: Path) -> None:
    passwords.set_password(file, "alice", "another horse")
    assert passwords.verify(file, "alice", "another horse")
    assert not passwords.verify(file, "alice", "correct horse")


def test_a_spoilt_hash_lets_nobody_in(file: Path) -> None:
    with private_file.changing(file) as hashes:
        hashes["alice"] = "plain text"
    assert not passwords.verify(file, "alice", "plain text")


@pytest.mark.parametrize("name", ["", "Alice", "-R", "a b", "a;id", "a\n", "../a", "x" * 33, "1a"], ids=ascii)
def test_unsafe_names_are_refused(file: Path, name: str) -> None:
    with pytest.raises(ValueError, match="user name"):
        passwords.set_password(file, name, "correct horse")
    assert passwords.users(file) == {"alice"}


@pytest.mark.parametrize("password", ["", "short", "x" * 1025], ids=["empty", "short", "long"])
def test_weak_and_endless_passwords_are_refused(file: Path, password: str) -> None:
    with pytest.raises(ValueError, match="use 8 to 1024"):
        passwords.set_password(file, "alice", password)


def test_a_file_that_others_may_read_is_refused(file: Path) -> None:
    file.chmod(0o640)
    with pytest.raises(private_file.PrivateFileError, match="chmod 600"):
        passwords.verify(file, "alice", "correct horse")


def test_a_link_is_not_followed(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(file)
    with pytest.raises(OSError, match="symbolic links"):
        passwords.verify(link, "alice", "correct horse")


def test_the_command(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a third horse\n"))
    assert passwords.main(["set", "carol", "--file", str(file)]) == 0
    assert passwords.verify(file, "carol", "a third horse")

    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert passwords.main(["set", "carol", "--file", str(file)]) == 1
    assert "use 8 to 1024" in capsys.readouterr().err


def test_what_a_failed_change_leaves(file: Path) -> None:
    def fail() -> None:
        with private_file.changing(file) as hashes:
            hashes["mallory"] = "x"
            raise KeyError

    before = file.read_text()
    with pytest.raises(KeyError):
        fail()
    assert file.read_text() == before
