"""The process that holds an assignment's tests: it has a learner's cells run in another, and tests what is there.

A *split* test runs here, on plain copies of the learner's values and on stand-ins for their functions, so that nothing
the learner's process does to Python reaches it. An *in-sandbox* test is run over there.
"""

import ast
import builtins
import contextlib
import io
import socket
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from curricula.candidate import PRINTED, line_of, words_of
from curricula.peer import Peer, PeerGone
from curricula.report import CANARIES, TIME_LIMIT, Ran, Report, Step, Task, read_ran, read_task
from curricula.watch import Watch

# Seconds after its limit at which a cell is given up that did not end by itself.
_GRACE = 2.0
# Bytes. Once a larger block is freed, glibc gets large arrays elsewhere and quicker, in this process and not the other,
# and tests that measure compare the two.
_AT_ONCE = 1 << 16


class Names(dict[str, Any]):
    """What the names of a test mean: those that tests and trusted cells gave a value, then the learner's.

    Builtins and what trusted cells bind are never asked for; `learners` are the names that answers give a value,
    also where a builtin has that name.
    """

    def __init__(self, peer: Peer, task: Task) -> None:
        super().__init__(__name__="__main__", __builtins__=builtins)
        self._peer = peer
        self._never = frozenset(task.trusted)
        self._learners = frozenset(task.learners)
        self._copies: dict[str, Any] = {}

    def __missing__(self, name: str) -> Any:
        if name in self._never or (hasattr(builtins, name) and name not in self._learners):
            raise KeyError(name)
        if name not in self._copies:
            there, value = self._peer.ask("value", name)
            if not there:
                raise KeyError(name)
            self._copies[name] = value
        return self._copies[name]

    def renew(self, rebound: Iterable[str] = ()) -> None:
        """Forget copies; and what tests called by a name that an answer has given a new value since."""
        self._copies.clear()
        for name in rebound:
            self.pop(name, None)


class Callbacks:
    """What the learner's process may ask of this one: to call a function that a test has handed to it."""

    def answer(self, what: str, told: list[Any]) -> object:
        """Call it; anything else is refused."""
        if what != "call":
            raise PermissionError("only a call is answered")
        target, given, named = told
        return [target(*given, **named), ""]


class Examiner:
    """One notebook on its way through both processes."""

    def __init__(self, task: Task, sock: socket.socket, shell: Any, watch: Watch) -> None:
        self._task, self._sock, self._shell, self._watch = task, sock, shell, watch
        self._peer = Peer(sock, Callbacks())
        watch.busy = lambda: self._peer.reading
        self._names = Names(self._peer, task)
        self._names["get_ipython"] = shell.get_ipython
        self._ran: list[Ran] = []

    def examine(self) -> Report:
        """Run every step; where one cannot end, the report says why."""
        limits = self._task.limits
        for step in self._task.steps:
            try:
                self._step(step)
            except PeerGone as gone:
                return Report(cells=tuple(self._ran), stopped=self._why(step, gone))
            if self._peer.received > limits.output_bytes:
                said = (
                    f"It printed more than {limits.output_bytes / 1e6:.0f} MB, or handed it to tests, and was stopped."
                )
                return Report(cells=tuple(self._ran), stopped=f"{said} Print less.")
        return Report(cells=tuple(self._ran))

    def _why(self, step: Step, gone: PeerGone) -> str:
        """Say why the learner's process does not answer any more."""
        where = f"cell {step.index + 1}" if step.index < CANARIES else "its tests"
        if isinstance(gone.__context__, TimeoutError):
            seconds = self._task.limits.cell_seconds
            return f"Code in {where} ran for longer than {seconds} seconds and could not be stopped."
        return f"Its Python process ended while {where} ran: it used too much memory, or ended itself."

    def _step(self, step: Step) -> None:
        if step.where == "beside":
            self._names.renew()
            self._test(step)  # where it fails, the tests that need it say so
        elif step.where == "split":
            self._names.renew()
            self._ran.append(self._test(step))
        else:
            limits = self._task.limits
            self._sock.settimeout(limits.cell_seconds + _GRACE)
            try:
                told = self._peer.ask("run", step.source, limits.cell_seconds, limits.output_bytes + 1, step.value)
            except PeerGone:
                raise
            except Exception as error:  # noqa: BLE001 - it could not even say how the cell went, for lack of memory or so
                told = {"ok": False, "error": type(error).__name__, "message": words_of(error)}
            self._names.renew(step.answers)
            self._ran.append(self._told(step, told))

    def _test(self, step: Step) -> Ran:
        """Run a cell here."""
        seconds = self._task.limits.cell_seconds
        self._sock.settimeout(seconds + _GRACE)
        out = io.StringIO()
        try:
            with self._watch.limited(seconds), contextlib.redirect_stdout(out):
                value = self._run(step)
        except PeerGone:
            raise
        except BaseException as error:  # noqa: BLE001 - a test may raise anything; SystemExit fails it too
            named = {"error": type(error).__name__[:200], "message": words_of(error), "line": line_of(error)}
            return self._told(step, {"ok": False, "outputs": _printed(out), **named})
        result = None if value is None else repr(value)[:100]
        return self._told(step, {"ok": True, "result": result, "outputs": _printed(out)})

    def _told(self, step: Step, told: Mapping[str, Any]) -> Ran:
        """How a cell went, as JSON has it; PeerGone where the learner's process says what has no such form."""
        try:
            ran = read_ran(step.index, told)
        except (TypeError, ValueError, RecursionError) as error:
            raise PeerGone(f"it did not say how a cell went: {str(error)[:200]}") from None
        if ran.error != TIME_LIMIT:
            return ran
        return replace(ran, message=f"longer than {self._task.limits.cell_seconds} seconds")

    def _run(self, step: Step) -> object:
        """Execute a cell as a notebook does; return the value of its last expression."""
        name = f"<cell {step.index}>"
        if not step.value:
            exec(compile(step.source, name, "exec"), self._names)  # noqa: S102 - the course's own tests
            return None
        tree = self._tree(step.source)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr):
            tree.body.pop()
        exec(compile(tree, name, "exec"), self._names)  # noqa: S102 - the course's own tests
        if not isinstance(last, ast.Expr):
            return None
        return eval(compile(ast.Expression(last.value), name, "eval"), self._names)  # noqa: S307 - as above

    def _tree(self, source: str) -> ast.Module:
        """Read a cell; in plain Python IPython would change nothing."""
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError):
            return ast.parse(str(self._shell.transform_cell(source)))


def _printed(out: io.StringIO) -> list[dict[str, Any]]:
    text = out.getvalue()[:PRINTED]
    return [{"output_type": "stream", "name": "stdout", "text": text}] if text else []


def serve(sock: socket.socket, host: socket.socket, shell: Any, watch: Watch) -> None:
    """Read a task from `host`, examine it with the learner's process at the other end of `sock`, write the report."""
    told = b""
    while part := host.recv(_AT_ONCE):
        told += part
    task = read_task(told)
    watch.begin()
    report = Examiner(task, sock, shell, watch).examine()
    if report.stopped is not None and watch.why:
        report = replace(report, stopped=watch.why)
    host.sendall(report.json().encode())
    watch.end()
