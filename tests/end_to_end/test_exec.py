"""`./onramp exec`: who it is, where, and how it ended. The other tests go in the same way, but without the command."""

import subprocess

from tests.end_to_end.factory import REPOSITORY, Factory


def test_it_is_whom_it_was_told_to_be_and_ends_as_the_command_does(factory: Factory) -> None:
    done = _exec(factory, "student1", "sh", "-c", "id -un; pwd; cat; exit 3")
    assert (done.returncode, done.stdout.split()) == (3, ["student1", "/home/student1", "typed"])


def test_an_account_that_is_not_there_is_told_with_the_choices(factory: Factory) -> None:
    done = _exec(factory, "nemo", "true")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the factory has no account 'nemo': choose one of root, " in done.stderr


def _exec(factory: Factory, user: str, *command: str) -> "subprocess.CompletedProcess[str]":
    argv = factory.argv("exec", "--user", user, "--", *command)
    return subprocess.run(argv, cwd=REPOSITORY, input="typed", capture_output=True, text=True, check=False)
