"""The process that a learner's code runs in: it runs cells, and says what their names are worth.

Nothing it says is trusted: whoever wrote the code may speak in its place.
"""

import base64
import contextlib
import io
import operator
import signal
import socket
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from curricula.peer import Peer, PeerGone
from curricula.watch import TimeLimit

PRINTED = 1_000_000  # characters that one call may print; what is beyond is cut off
_PICTURES = 4_000_000  # characters of one picture or table


class Candidate:
    """A learner's namespace in an IPython shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._seconds = 60.0  # that a cell may take, and so may a call

    def answer(self, what: str, told: list[Any]) -> object:
        """Answer a question of the examiner."""
        if what == "run":
            return self._run(*told)
        if what == "value":
            names = self._shell.user_ns
            return [True, names[told[0]]] if told[0] in names else [False, None]
        with _alarm(self._seconds):
            return _OBJECTS[what](*told)

    def _run(self, source: str, seconds: float, most: int, value: bool) -> Mapping[str, object]:
        """Run one cell and say how it went."""
        self._seconds = seconds
        shell, out, err = self._shell, io.StringIO(), io.StringIO()
        shell.displayhook.seen = {}
        shell.display_pub.outputs.clear()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _alarm(seconds):
            done = shell.run(source, value=value)
        error = done.error_before_exec or done.error_in_exec
        return {
            "ok": error is None,
            "error": "" if error is None else type(error).__name__,
            "message": "" if error is None else words_of(error),
            "line": None if error is None else line_of(error),
            "result": None if done.result is None else repr(done.result)[:100],
            "outputs": [
                *_streams(most, stdout=out.getvalue(), stderr=err.getvalue()),
                *_displayed(shell.display_pub.outputs, shell.displayhook.seen, done.execution_count),
                *_failed(error),
            ],
        }


def serve(sock: socket.socket, shell: Any) -> None:
    """Answer until the examiner is gone."""
    with contextlib.suppress(PeerGone):
        Peer(sock, Candidate(shell)).serve()


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise TimeLimit in what runs for longer; whoever evades it is stopped from outside."""

    def late(*_: object) -> None:
        raise TimeLimit

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _call(target: Any, given: list[Any], named: Mapping[str, Any]) -> list[object]:
    """Call a function; return its value and what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        value = target(*given, **named)
    return [value, out.getvalue()[:PRINTED]]


_OBJECTS: Mapping[str, Callable[..., object]] = types.MappingProxyType(
    {
        "call": _call,
        "getattr": getattr,
        "setattr": setattr,
        "getitem": operator.getitem,
        "setitem": operator.setitem,
        "contains": operator.contains,
        "len": len,
        "bool": bool,
        "iter": iter,
        "next": next,
        "str": str,
        "repr": repr,
        "format": format,
    }
)


def line_of(error: BaseException) -> int | None:
    """Return the line of a cell in which an error arose, or None where it is not known."""
    if isinstance(error, SyntaxError) and error.__traceback__ is None:
        return error.lineno
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "<module>" and "site-packages" not in trace.tb_frame.f_code.co_filename:
            return trace.tb_lineno
        trace = trace.tb_next
    return error.lineno if isinstance(error, SyntaxError) else None


def words_of(error: BaseException) -> str:
    """Return what an error says, if it can."""
    try:
        return str(error)[:2000]
    except Exception:  # noqa: BLE001 - a learner's class may say anything, or nothing
        return ""


def _streams(most: int, **texts: str) -> Iterator[Mapping[str, object]]:
    """Yield what a cell printed, as a notebook holds it, each text cut off after so many characters."""
    for name, text in texts.items():
        if text:
            yield {"output_type": "stream", "name": name, "text": text[:most]}


def _displayed(
    shown: Sequence[Mapping[str, Any]], value: Mapping[str, Any], count: int
) -> Iterator[Mapping[str, object]]:
    """Yield what a cell displayed, and its value, as a notebook holds them."""
    for one in shown:
        yield {"output_type": "display_data", "data": _shown(one["data"]), "metadata": {}}
    if value:
        yield {"output_type": "execute_result", "execution_count": count, "data": _shown(value), "metadata": {}}


def _failed(error: BaseException | None) -> Iterator[Mapping[str, object]]:
    """Yield the error that ended a cell, as a notebook holds it."""
    if error is not None:
        name, text = type(error).__name__, words_of(error)
        yield {"output_type": "error", "ename": name, "evalue": text, "traceback": [f"{name}: {text}"]}


def _shown(data: Mapping[str, Any]) -> dict[str, object]:
    """Return a value's forms, bytes in base64 as a notebook holds them, without those that are too large."""
    forms = {kind: base64.b64encode(one).decode() if isinstance(one, bytes) else one for kind, one in data.items()}
    return {kind: one for kind, one in forms.items() if len(str(one)) < _PICTURES}
