"""papermill as a run needs it: nothing is lost on a full disk, nothing is called completed that was not."""

from pathlib import Path
from typing import Any

from papermill.engines import NBClientEngine
from papermill.iorw import LocalHandler

from spawners.run_record import write_whole


class WholeFiles(LocalHandler):  # type: ignore[misc]
    """papermill's writer, except that a full disk leaves the notebook that was saved before."""

    def write(self, buf: str, path: str) -> None:
        """Replace the file as a whole."""
        write_whole(Path(path), buf)


class Engine(NBClientEngine):  # type: ignore[misc]
    """papermill's engine, except that a cell is not called completed when Python died in it."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:
        """Execute the cells; the last one that began is the failed one, whatever ended it."""
        try:
            super().execute_managed_notebook(nb_man, kernel_name, **kwargs)
        except BaseException:
            begun = [cell for cell in nb_man.nb.cells if cell.metadata.papermill["start_time"]]
            if begun:
                nb_man.cell_exception(begun[-1])
            raise
