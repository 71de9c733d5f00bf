"""What any job of ours does first on its node."""

import os
import pwd
from pathlib import Path

import pytest

from spawners import node_job


def test_secrets_of_somebody_else_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("{}")
    file.chmod(0o644)
    with pytest.raises(node_job.NodeError, match="not a private file"):
        node_job.take_secrets(file)
    assert not file.exists()
    (tmp_path / "target.json").write_text("{}")
    (tmp_path / "link.json").symlink_to(tmp_path / "target.json")
    with pytest.raises(OSError, match="symbolic links"):
        node_job.take_secrets(tmp_path / "link.json")


def test_a_terminal_has_the_shell_of_the_account() -> None:
    account = pwd.getpwuid(os.getuid())

    assert node_job.clean_environment({"SHELL": "/bin/false"}, account)["SHELL"] == account.pw_shell
