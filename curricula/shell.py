"""The IPython shell that a learner's cells run in. It keeps nothing on disk, and does nothing twice for any cell."""

import ast
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
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


class Quiet(InteractiveShell):
    """Tells errors instead of showing them, and does for a cell only what that cell needs."""

    compiler_class, displayhook_class, display_pub_class = Counting, Keeping, CapturingDisplayPublisher

    def showtraceback(self, *_: Any, **__: Any) -> None:
        """Errors are told, not shown."""

    showsyntaxerror = showtraceback

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
