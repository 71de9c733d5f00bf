"""What every panel is made of: work in the kernel's loop, whoever clicks, and an end of it that is said."""

import asyncio
from collections.abc import Callable

import pytest

from notebooks.cell_view import CellView, table
from spawners.plain_error import PlainError


class Refused(PlainError, RuntimeError):
    """A sentence for a person."""


async def _raise(error: Exception) -> None:
    raise error


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not done():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Refused("No <room>."), '<span role="alert">No &lt;room&gt;.</span>'),
        (KeyError("x"), "This panel stopped: &#x27;x&#x27;. Run its cell again."),
    ],
)
async def test_what_ends_the_work_is_said(error: Exception, said: str) -> None:
    view = CellView()
    view.spawn(_raise(error))
    await _until(lambda: said in view.note.value)
    await _until(lambda: not view._work)


async def test_a_click_in_another_thread_works_in_the_loop() -> None:
    view, loops = CellView(), list[asyncio.AbstractEventLoop]()

    async def act() -> None:
        loops.append(asyncio.get_running_loop())

    await asyncio.to_thread(lambda: view.spawn(act()))
    await _until(lambda: bool(loops))
    assert loops == [asyncio.get_running_loop()]


async def test_a_panel_that_is_stopped_says_nothing_of_it() -> None:
    view = CellView("Run its cell.")
    view.spawn(asyncio.sleep(60))
    view.stop()
    await _until(lambda: not view._work)
    assert view.note.value == ""
    assert view._repr_mimebundle_()["text/plain"] == "Run its cell."


def test_without_a_loop_nothing_is_begun() -> None:
    view = CellView()
    work = _raise(KeyError("x"))
    view.spawn(work)
    with pytest.raises(RuntimeError, match="already awaited"):
        work.send(None)


def test_words_in_a_table_are_words() -> None:
    shown = table("A <b>", [("<i>", "<u>")], more="<tr></tr>")
    assert all(tag not in shown for tag in ("<b>", "<i>", "<u>"))
    assert shown.endswith("</tr><tr></tr></table>")
