"""The shell of a learner's cells, in a process of its own, as the zygote has it."""

import subprocess
import sys

COUNTED = """
import sys
from curricula.shell import make_shell
shell, compiled = make_shell(), []
shell.run_cell("0")
sys.addaudithook(lambda event, told: compiled.append(told) if event == "compile" else None)
"""


def said(program: str) -> str:
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_cell_is_read_twice_and_compiled_once() -> None:
    """Once to see that it is plain Python, once by IPython, which would compile it to know whether it awaits."""
    assert said(f"{COUNTED}shell.run_cell('x = 1')\nprint(len(compiled))") == "3"


def test_a_cell_may_await() -> None:
    cells = ("import asyncio\nx = await asyncio.sleep(0, 5)", "y = [n async for n in f()]", "await f")
    program = f"{COUNTED}async def f():\n    yield 7\nshell.user_ns['f'] = f\n"
    program += "".join(f"print(type(shell.run_cell({cell!r}).error_in_exec).__name__)\n" for cell in cells)
    assert said(f"{program}print(shell.user_ns['x'], shell.user_ns['y'])").split("\n") == [
        *("NoneType", "NoneType", "TypeError"),
        "5 [7]",
    ]


def test_what_is_no_plain_python_is_what_it_is_for_ipython() -> None:
    program = f"{COUNTED}shell.run_cell('here = %pwd')\nprint(type(shell.user_ns['here']).__name__)"
    assert said(program) == "str"


def test_a_cell_is_named_by_its_count_and_its_source_is_found() -> None:
    program = (
        "shell.run_cell('def f():\\n    return 1\\nimport inspect\\nsaid = inspect.getsource(f)', store_history=True)"
    )
    program += "\nprint(shell.user_ns['f'].__code__.co_filename, repr(shell.user_ns['said']))"
    assert said(f"{COUNTED}{program}") == r"<cell 1> 'def f():\n    return 1\n'"
