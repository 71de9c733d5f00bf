"""The IPython shell that a learner's cells run in. It keeps nothing on disk, and does nothing twice for any cell."""

import ast
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType
from typing import Any

from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell
from traitlets.config import Config


class Keeping(DisplayHook):
    """Keeps the value of a cell instead of printing it."""

    seen: Mapping[str, Any] = {}

    def write_output_prompt(self) -> None:
        """There is none."""

    def write_format_data(self, format_dict: Mapping[str, Any], md_dict: Any = None) -> None:
        """Keep its forms."""
        self.seen = format_dict

    finish_displayhook = write_output_prompt


class Counting(CachingCompiler):
    """Names each cell by its count."""

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """Return the name; IPython would hash the text, too."""
        return f"<cell {number}>"


class Inputs(HistoryManager):
    """What cells find of earlier ones: `In`, `_i`, `_ii`, `_iii` and `_i1`. There is no file for more."""

    def store_inputs(self, line_num: int, source: str, source_raw: str | None = None) -> None:
        """Keep a cell."""
        raw = (source if source_raw is None else source_raw).rstrip("\n")
        if self._exit_re.match(raw.strip()):
            return
        self.input_hist_parsed.append(source.rstrip("\n"))
        self.input_hist_raw.append(raw)
        *_, iii, ii, i, _now = ["", "", "", *self.input_hist_raw]
        names = {"_i": i, "_ii": ii, "_iii": iii, f"_i{line_num}": raw}
        self.shell.user_ns.update(names)
        self.shell.user_ns_hidden.update(names)


class Quiet(InteractiveShell):
    """Tells errors instead of showing them, and does for a cell only what that cell needs.

    Each function of Python's that a notebook is the first to call has pages of memory copied for it. Plain Python goes
    past most of IPython's, and past none that a cell could tell: whoever has hooked into IPython gets all of it.
    """

    compiler_class, displayhook_class, display_pub_class = Counting, Keeping, CapturingDisplayPublisher

    def showtraceback(self, *_: Any, **__: Any) -> None:
        """Errors are told, not shown."""

    showsyntaxerror = showtraceback

    def init_history(self) -> None:
        """Keep what cells find, and nothing on disk."""
        self.history_manager = Inputs(shell=self, parent=self)

    def run(self, source: str, *, value: bool) -> ExecutionResult:
        """Run a cell and keep it in the history; `value` says whether it ends in an expression, which is shown."""
        codes = None if self._hooked() else self._compiled(source, value)
        if codes is None:
            return self.run_cell(source, store_history=True)  # type: ignore[no-any-return, no-untyped-call]
        return self._run(source, codes)

    def _hooked(self) -> bool:
        """Whether anything more is to happen to a cell than that it is run."""
        return bool(
            self.ast_transformers
            or self.input_transformers_post
            or self.custom_exceptions
            or self.logger.log_active
            or self.ast_node_interactivity != "last_expr"
        )

    def _compiled(self, source: str, value: bool) -> Sequence[CodeType] | None:
        """A cell of plain Python as its statements and its value; None for anything else, and for what is none.

        Python reads a text without a tree of it, of which each node would be an object.
        """
        if not source.strip() or "await" in source or "async" in source:
            return None
        name = self.compile.get_code_name(source, source, self.execution_count)
        try:
            if not value:
                return [self._code(f"{source}\n", name, "exec")]
            tree = ast.parse(source)
            last = [tree.body.pop()] if tree.body and isinstance(tree.body[-1], ast.Expr) else []
            return [
                self._code(tree, name, "exec"),
                *(self._code(ast.Interactive([one]), name, "single") for one in last),
            ]
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return None  # IPython says what is wrong with it, once it has run what comes before

    def _code(self, text: str | ast.mod, name: str, mode: str) -> CodeType:
        code: CodeType = self.compile(text, name, mode)  # type: ignore[arg-type]
        return code

    def _run(self, source: str, codes: Sequence[CodeType]) -> ExecutionResult:
        """Run what was compiled."""
        result = ExecutionResult(info := ExecutionInfo(source, True, False, True, None, transformed_cell=source))
        count = result.execution_count = self.execution_count
        self.execution_count = count + 1
        self.events.trigger("pre_execute")
        self.events.trigger("pre_run_cell", info)
        assert self.history_manager is not None
        self.history_manager.store_inputs(count, source)
        with self.builtin_trap, self.display_trap:
            self.compile.cache(source, count)
            self.displayhook.exec_result = result
            try:
                for code in codes:
                    exec(code, self.user_global_ns, self.user_ns)  # noqa: S102 - what all of this is for
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the cell's
                result.error_in_exec = error
            self.displayhook.exec_result = None
        self.last_execution_succeeded, self.last_execution_result = result.success, result
        self.events.trigger("post_execute")
        self.events.trigger("post_run_cell", result)
        return result

    def transform_cell(self, raw_cell: str) -> str:
        """Leave plain Python as it is: IPython would read each of its words to find nothing to change."""
        try:
            ast.parse(raw_cell)
        except (SyntaxError, ValueError):
            return str(super().transform_cell(raw_cell))  # type: ignore[no-untyped-call]
        return raw_cell if raw_cell.endswith("\n") else f"{raw_cell}\n"

    def should_run_async(self, raw_cell: str, *, transformed_cell: str | None = None, **told: Any) -> bool:
        """Compile only what may be so: IPython would compile every cell to know."""
        possible = any(word in (transformed_cell or raw_cell) for word in ("await", "async"))
        return possible and bool(super().should_run_async(raw_cell, transformed_cell=transformed_cell, **told))

    @contextlib.contextmanager
    def _tee(self, channel: str) -> Iterator[None]:
        """Keep nothing of what is printed: whoever runs a cell does."""
        yield


def make_shell() -> Any:
    """Return the shell of this process."""
    settings = Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}})
    return Quiet.instance(config=settings)
