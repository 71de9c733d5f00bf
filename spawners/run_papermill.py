"""papermill as a run needs it: nothing is lost on a full disk or called completed wrongly, and output has an end."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nbclient.exceptions import DeadKernelError
from papermill.engines import NBClientEngine
from papermill.iorw import LocalHandler
from papermill.log import logger

from spawners.run_cells import Cells
from spawners.run_record import MOST_SHOWN, write_whole


class TooMuchOutput(Exception):
    """A notebook printed more than a run may."""


class WholeFiles(LocalHandler):  # type: ignore[misc]
    """papermill's writer, except that a full disk leaves the notebook that was saved before."""

    def write(self, buf: str, path: str) -> None:
        """Replace the file as a whole."""
        write_whole(Path(path), buf)


class Client(Cells):
    """a client that ends a cell with which there would be too much output."""

    _shown = 0

    def process_message(self, msg: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Count what is shown; the first text that is too much is cut, and the rest is not looked at."""
        left, content = MOST_SHOWN - self._shown, msg["content"]
        self._shown += size(content)
        if self._shown > MOST_SHOWN:
            # The one way to leave a cell whose kernel goes on; as when the kernel is dead, it is ended then.
            self.shutdown_kernel = "immediate"
            self.task_poll_for_reply.cancel()
            if "text" not in content or left <= 0:
                return None
            content["text"] = content["text"][:left]
        return super().process_message(msg, *args, **kwargs)

    def execute(self, **kwargs: Any) -> Any:
        """Execute the cells; TooMuchOutput where they were ended for that."""
        try:
            return super().execute(**kwargs)
        except DeadKernelError:
            if self._shown > MOST_SHOWN:
                raise TooMuchOutput(f"more than {MOST_SHOWN // 1024**2} MiB in all") from None
            raise


class Engine(NBClientEngine):  # type: ignore[misc]
    """papermill's engine, except that a cell is not called completed when Python died in it."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        folder: Path,
        earlier: Sequence[Mapping[str, Any]],
        saved: Callable[[], None],
        stdout_file: Any,
        stderr_file: Any,
        config: Any,
        **_: Any,
    ) -> None:
        """Execute the cells; the last one that began is the failed one, whatever ended it."""
        run: dict[str, Any] = {"folder": folder, "earlier": earlier, "saved": saved}
        out = {"stdout_file": stdout_file, "stderr_file": stderr_file, "log": logger}
        try:
            Client(nb_man, kernel_name=kernel_name, startup_timeout=60, config=config, **run, **out).execute()
        except BaseException:
            begun = [cell for cell in nb_man.nb.cells if cell.metadata.papermill["start_time"]]
            if begun:
                nb_man.cell_exception(begun[-1])
            raise


def size(content: Mapping[str, Any]) -> int:
    """How many characters a message shows: of a stream its text, of a figure its data."""
    shown = [content.get("text", ""), *content.get("data", {}).values()]
    return sum(len(one) for one in shown if isinstance(one, str))
