"""How the service's program and its commands act as the grading account: options as an operator writes them."""

import argparse

import pytest

from curricula.service.app import add_options
from curricula.service.grader import launcher
from spawners.launcher import LauncherError, SocketLauncher, SudoLauncher


def options(*words):
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args(["--root", "/srv/course", *words])


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ((), SocketLauncher),
        (("--launcher", "/run/grade.sock"), SocketLauncher),
        (("--sudo", "/opt/onramp/bin/onramp-launcher"), SudoLauncher),
    ],
)
def test_by_a_socket_or_by_sudo(words, kind):
    assert isinstance(launcher(options(*words)), kind)


def test_only_one_of_both(capsys):
    with pytest.raises(SystemExit):
        options("--launcher", "/run/grade.sock", "--sudo", "/opt/onramp/bin/onramp-launcher")

    assert "not allowed with argument" in capsys.readouterr().err


async def test_the_command_is_run_as_the_grading_account_word_by_word(tmp_path, monkeypatch):
    """A sudo that says how it was called, and refuses."""
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\ncat >/dev/null\nfor word; do printf "[%s]" "$word" >&2; done\nexit 1\n')
    sudo.chmod(0o755)
    acts = launcher(options("--sudo", "/opt/a python", "--sudo", "launch"))
    monkeypatch.setattr(acts, "_sudo", (str(sudo), "-nHu"))

    with pytest.raises(LauncherError, match=r"^\[-nHu\]\[nobody\]\[/opt/a python\]\[launch\]$"):
        await acts.run("nobody", {"action": "cancel", "job_id": "1"})
