"""A grading on the command line: a bar on a terminal, and a line now and then where there is none. Both on stderr."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from curricula.course import Course
from curricula.service.progress import Progress
from curricula.service.teaching import Teaching

LOOK = 0.5  # seconds
EVERY = 10.0  # seconds between two lines

Show = Callable[[Progress], None]


async def watched(teaching: Teaching, course: Course, name: str, grading: Awaitable[int]) -> int:
    """Show how far the grading of an assignment is until it ends, and return or raise what it does."""
    task = asyncio.ensure_future(grading)
    with _shown(name) as show:
        while not task.done():
            await asyncio.wait({task}, timeout=LOOK)
            progress = teaching.progress(course, name)
            if progress and progress.total:
                show(progress)
    return await task


@contextmanager
def _shown(name: str) -> Iterator[Show]:
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _lines(console, name)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
    with Bar(*columns, console=console, transient=True) as bar:
        row = bar.add_task(name, total=None, said="")

        def show(progress: Progress) -> None:
            said = progress.sentence(time.monotonic())
            bar.update(row, total=progress.total, completed=progress.done, said=said)

        yield show


def _lines(console: Console, name: str) -> Show:
    """Print a line where there is something new to say, and not more often than somebody reads it."""
    said = 0, time.monotonic()

    def show(progress: Progress) -> None:
        nonlocal said
        now = time.monotonic()
        if progress.done > said[0] and now - said[1] >= EVERY:
            console.print(f"{name}: {progress.sentence(now)}", markup=False, soft_wrap=True)
            said = progress.done, now

    return show
