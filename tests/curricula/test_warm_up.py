"""What the zygote does before it forks leaves nothing of itself, and little to do and to load for who is forked."""

import platform
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


LARGE = """
import re
from curricula.warm_up import join_pages
kept = [str(number) for number in range(300_000)]
def large():
    with open("/proc/self/smaps_rollup") as file:
        return int(re.search("AnonHugePages: *([0-9]+) kB", file.read())[1])
before = large()
join_pages()
print(large() - before >= 4096, kept == [str(number) for number in range(300_000)])
"""


def test_its_memory_is_in_large_pages_where_linux_makes_them() -> None:
    done = subprocess.run((sys.executable, "-c", LARGE), capture_output=True, text=True, check=True)
    makes = tuple(map(int, platform.release().split(".")[:2])) >= (6, 1)
    assert done.stdout.split() == [str(makes), "True"]
