"""The shell of a learner's cells, in a process of its own, as the zygote has it."""

import json
import subprocess
import sys
from typing import Any

import pytest

from curricula.cell_names import has_value

# Runs cells by `way`, and says after each what a candidate tells of it and what the next one would find.
PLAYED = """
import json, re, sys, warnings
from curricula.candidate import Candidate
from curricula.shell import make_shell
way, cells, values = json.loads(sys.argv[1])
shell, seen = make_shell(), []
if way == "IPython":
    shell.run = lambda source, value: shell.run_cell(source, store_history=True)
before = set(shell.user_ns)
warnings.filterwarnings("ignore", "To exit: ")  # which only IPython says, of sys.exit()
for cell, value in zip(cells, values):
    told = Candidate(shell)._run(cell, 60, 1000, value)
    names = shell.user_ns
    found = {name: repr(names.get(name)) for name in ("_", "__", "_i", "_ii", "_iii", "__annotations__")}
    found |= {name: repr(one) for name, one in names.items() if name not in before and not callable(one)}
    cached = {name: repr(one) for name, one in names.items() if name.startswith("_i") or name.strip("_").isdigit()}
    kept = [repr(names["In"]), repr(names["Out"]), shell.execution_count, shell.last_execution_succeeded]
    hidden = sorted(set(names) - set(shell.user_ns_hidden) - before)
    seen.append([{**told}, found, cached, kept, hidden])
print(re.sub("0x[0-9a-f]+", "0x", json.dumps(seen, default=str)))
"""
PLAIN = (
    "x = 1",
    "x\n",
    "x + 1;",
    "'text'",
    "y = 2\n'a text in between'\nz = 3",
    "5",
    "None",
    "def f(n):\n    return 1 / n\nf(0)",
    "x = 2\nf(0)\nx = 3",
    "if x == 2:\n    x = 4",
    "print('printed')\nimport sys\nprint('beside', file=sys.stderr)\nx",
    "for n in range(3):\n    n",
    "n: int = 5",
    "_",
    "_i, _ii, In[-1], Out",
    "from IPython.display import display\ndisplay(x)\ndisplay(3)",
    "from __future__ import annotations\ndef g(a: missing): pass\ng.__annotations__",
    "def h(a: missing): pass\nh.__annotations__",
    "raise SystemExit(3)",
    "raise KeyboardInterrupt",
    "class Odd(BaseException): pass\nraise Odd('so')",
    "import warnings\nwarnings.warn('once')",
    "warnings.warn('once')",
    "get_ipython().execution_count",
    "# nothing but this",
    "",
    "  \n",
    "\n\nx = 6\nx.missing",
    "x = 7  # without an end\n\n\n",
    "def k():\n    x = 1",
    "exit",
    "import inspect\ninspect.getsource(f)",
)
OTHER = (
    "x = 1\nreturn x\nx = 2",
    "x = = 1",
    "  x = 1\n  y = 2",
    "if x:\nx = 3",
    "here = %pwd\ntype(here)",
    "!echo shell",
    "x?",
    "%%capture told\nx = 8\nprint(x)",
    "x = 9\n%config InteractiveShell.ast_node_interactivity = 'all'",
    "1\n2\nx",
    "%config InteractiveShell.ast_node_interactivity = 'last_expr'",
    "import asyncio\nawait asyncio.sleep(0, 5)",
    "y = [n async for n in f()]",
    (
        "import ast\nclass Minus(ast.NodeTransformer):\n    def visit_Constant(self, node):\n"
        "        return ast.Constant(-node.value) if isinstance(node.value, int) else node\n"
        "get_ipython().ast_transformers.append(Minus())"
    ),
    "5",
    "get_ipython().ast_transformers.clear()",
    (
        "calls = []\nget_ipython().events.register('pre_run_cell', lambda info: calls.append(info.raw_cell))\n"
        "get_ipython().events.register('post_run_cell', lambda done: calls.append(done.success))"
    ),
    "calls",
    "calls, 1 / 0",
    "calls",
    "x = '\x00'",
    "(" * 150 + ")" * 150,
    "get_ipython().run_cell('in_it = 1', store_history=True)\nin_it",
)
COUNTED = """
import sys
from curricula.shell import make_shell
shell, compiled = make_shell(), []
shell.run_cell("0")
sys.addaudithook(lambda event, told: compiled.append(told) if event == "compile" else None)
"""


def said(program: str, *given: str) -> str:
    done = subprocess.run((sys.executable, "-c", program, *given), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def played(way: str, cells: tuple[str, ...], values: list[bool]) -> Any:
    """What is told of cells, and what they leave."""
    return json.loads(said(PLAYED, json.dumps([way, cells, values])).splitlines()[-1])


@pytest.mark.parametrize("cells", [PLAIN, OTHER, PLAIN + OTHER], ids=["plain Python", "more", "all"])
@pytest.mark.parametrize("known", [True, False], ids=["value known", "unknown"])
def test_a_cell_does_what_it_does_in_ipython(cells: tuple[str, ...], known: bool) -> None:
    values = [has_value(cell) if known else True for cell in cells]
    ours, ipythons = played("ours", cells, values), played("IPython", cells, values)
    for cell, one, other in zip(cells, ours, ipythons, strict=True):
        assert (cell, one) == (cell, other)


def test_a_cell_is_read_once() -> None:
    assert said(f"{COUNTED}shell.run('x = 1', value=False)\nprint(len(compiled))") == "1"
    assert said(f"{COUNTED}shell.run('x = 1', value=True)\nprint(len(compiled))") == "2"


def test_a_cell_may_await() -> None:
    cells = ("import asyncio\nx = await asyncio.sleep(0, 5)", "y = [n async for n in f()]", "await f")
    program = f"{COUNTED}async def f():\n    yield 7\nshell.user_ns['f'] = f\n"
    program += "".join(f"print(type(shell.run({cell!r}, value=True).error_in_exec).__name__)\n" for cell in cells)
    assert said(f"{program}print(shell.user_ns['x'], shell.user_ns['y'])").split("\n") == [
        *("NoneType", "NoneType", "TypeError"),
        "5 [7]",
    ]
