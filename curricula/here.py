"""Grades on this machine, as a grading job and the course's account would together: to try a course or an attack."""

import asyncio
import hashlib
import random
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

from nbformat import NotebookNode

from curricula.canary import Tampered
from curricula.engine import Engine
from curricula.marks import Key, NotRun, Result, graded, restored
from curricula.release import Generated
from curricula.report import Limits, Report
from curricula.routing import Mode, Plan
from curricula.steps import examination, executed
from curricula.trial import planned

_T = TypeVar("_T")


@dataclass(frozen=True)
class Graded:
    """One notebook graded here: its result, the mode of each test cell, how it ran, and the notebook as it ran."""

    result: Result
    modes: tuple[Mode, ...] = ()
    report: Report = field(default_factory=Report)
    notebook: NotebookNode = field(default_factory=NotebookNode)


class Here:
    """An engine on this machine, for use with `with` and from several threads. Raises EngineError."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._engine = Engine()
        self._plans: dict[int, tuple[Generated, Plan]] = {}  # with the version, or another could get its id

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._run(self._engine.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._engine.__aexit__(kind, error, trace))
        self._stop()

    def plan(self, version: Generated, limits: Limits) -> Plan:
        """Return which tests of this version run where; found once."""
        if id(version) not in self._plans:
            work = planned(version.source, version.tests, limits, self._engine.examine)
            self._plans[id(version)] = version, self._run(work)
        return self._plans[id(version)][1]

    def grade(self, content: bytes, version: Generated, limits: Limits) -> Graded:
        """Grade a notebook."""
        key = Key(submission=hashlib.sha256(content).hexdigest(), assignment="here", environment="here")
        report, notebook = Report(), NotebookNode()
        try:
            restored_ = restored(content, version)
            plan = self.plan(version, limits)
            exam = examination(restored_, plan, limits, random.SystemRandom())
            told = self._run(self._engine.examine(exam.task))
            report = exam.uncounted(told)
            notebook = executed(restored_, report)
            cells = graded(restored_, exam.result(told), version)
        except (NotRun, Tampered) as reason:
            return Graded(Result(key=key, not_run=str(reason)), (), report, notebook)
        modes = tuple(plan.routes[cell.name].mode for cell in cells if cell.name in plan.routes)
        return Graded(Result(key=key, cells=cells, walls=report.walls), modes, report, notebook)

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
