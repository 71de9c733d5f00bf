"""A command run to its end without blocking."""

import asyncio
import os
import subprocess
import sys
import textwrap

import pytest

from spawners.process import alone, run


async def test_what_a_command_says_and_how_it_ends() -> None:
    done = await run("/bin/sh", "-c", "cat; echo oops >&2; exit 3", seconds=10, stdin=b"hello")

    assert done == (3, "hello", "oops\n")


async def test_a_command_over_its_time_is_killed() -> None:
    with pytest.raises(TimeoutError):
        await run("/bin/sleep", "1000", seconds=0.2)

    assert "sleep" not in await children()


async def test_a_cancelled_command_is_killed() -> None:
    task = asyncio.create_task(run("/bin/sleep", "1000", seconds=100))
    await asyncio.sleep(0.2)
    assert "sleep" in await children()
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert "sleep" not in await children()


async def children() -> list[str]:
    """The names of this process's children that still run, once the kernel has noticed a kill."""
    await asyncio.sleep(0.1)
    listed = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "stat=,comm="], stdout=subprocess.PIPE, text=True, check=False
    )
    return [line.split()[1] for line in listed.stdout.splitlines() if not line.startswith("Z")]


@pytest.mark.parametrize("delay", [0, 0.001, 0.01])
def test_a_program_may_end_while_a_command_is_starting(delay: float) -> None:
    program = f"""
        import asyncio
        from spawners.process import run

        async def main():
            asyncio.create_task(run("/bin/sleep", "1000", seconds=100))
            await asyncio.sleep({delay})

        asyncio.run(main())
    """

    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], timeout=30, check=True)


async def test_a_command_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        await run("/nowhere/squeue", seconds=1)


async def test_a_cell_waits_for_a_coroutine_though_a_loop_runs() -> None:
    assert alone(run("/bin/echo", "done", seconds=60)).out == "done\n"
    with pytest.raises(FileNotFoundError):
        alone(run("/nowhere/squeue", seconds=1))
