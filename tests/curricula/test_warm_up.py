"""What the zygote does before it forks leaves nothing of itself, and nothing to load for who is forked."""

import subprocess
import sys

PROGRAM = """
import os, sys
from curricula.shell import make_shell
from curricula.warm_up import _NOTEBOOK, _answer, _examine, _play, warm_up
shell = make_shell()
warm_up(shell)
print(sorted({"double", "values", "_1"} & set(shell.user_ns)), shell.user_ns["In"], shell.execution_count)
print(os.listdir("/proc/self/task") == [str(os.getpid())])
loaded = set(sys.modules)
_play(_examine, _answer, shell)
print(sorted(set(sys.modules) - loaded))
_play(_answer, _examine, shell)
print(sorted(set(sys.modules) - loaded))
"""


def test_it_leaves_no_name_no_thread_and_nothing_to_load() -> None:
    done = subprocess.run((sys.executable, "-c", PROGRAM), capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["[] [''] 1", "True", "[]", "[]", ""]
