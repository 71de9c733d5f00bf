"""What a run's job does on its node: papermill executes the notebook, which is saved after each cell.

`python -I -m spawners.run_node FOLDER`; what it says of itself goes to run.json, what the notebook prints to the log.
"""

import errno
import hashlib
import json
import os
import pwd
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import papermill
import yaml
from papermill.engines import papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import papermill_io
from traitlets.config import Config

from spawners import run_record as files
from spawners.node import clean_environment
from spawners.run_environment import environment_file
from spawners.run_papermill import Engine, WholeFiles
from spawners.run_record import INSIDE, Failure, Record, Reported
from spawners.run_words import failure_sentence

STOPPED = 143
_FULL = (errno.ENOSPC, errno.EDQUOT)


class NodeRun:
    """One run on its node: the record it keeps of itself."""

    def __init__(self, folder: Path, job: Mapping[str, str]) -> None:
        self.folder = folder
        self._record = files.read_record(folder)
        self._reported = Reported(
            job_id=job.get("SLURM_JOB_ID"), node=job.get("SLURMD_NODENAME"), started=datetime.now(UTC)
        )

    def report(self, **news: object) -> Record:
        """Add to what the job says about itself."""
        self._reported = Reported.model_validate(self._reported.model_dump() | news)
        self._record = self._record.model_copy(update={"reported": self._reported})
        files.write_record(self.folder, self._record)
        return self._record

    def execute(self) -> int:
        """Execute the notebook; return the job's exit code."""
        self.report(environment_sha256=self._write_environment())
        try:
            self._papermill()
        except PapermillExecutionError as error:
            return self._failed(_of_cell(error))
        except OSError as error:
            return self._failed(Failure(ename="NoSpace" if error.errno in _FULL else "OSError", evalue=str(error)))
        except RuntimeError as error:  # nbclient's: the kernel died, or did not start
            return self._failed(self._of_kernel(error))
        self._end("completed")
        print("onramp: the notebook has run to its end.", flush=True)
        return 0

    def stopped(self) -> None:
        """Note that Slurm ends the job; little time is left for it."""
        self._end("stopped")

    def _papermill(self) -> None:
        submitted = self._record.submitted
        papermill_io.register(str(self.folder), WholeFiles())
        papermill_engines.register("onramp", Engine)
        papermill.execute_notebook(
            str(self.folder / files.INPUT),
            str(self.folder / files.OUTPUT),
            parameters=yaml.safe_load((self.folder / files.PARAMETERS).read_text()),
            engine_name="onramp",
            kernel_name="python3",
            language="python",
            cwd=submitted.cwd,
            progress_bar=False,
            stdout_file=sys.stdout,
            stderr_file=sys.stderr,
            # On a node that others use too, nobody else can listen to a socket in a private folder.
            config=Config({"KernelManager": {"transport": "ipc"}}),
        )

    def _failed(self, failure: Failure) -> int:
        print(f"onramp: {failure_sentence(failure, self._record)}", flush=True)
        self._end("failed", failure=failure)
        return 1

    def _of_kernel(self, error: RuntimeError) -> Failure:
        """The cell in which Python died; none where it did not start."""
        cells = json.loads((self.folder / files.OUTPUT).read_bytes())["cells"]
        failed = [cell for cell in cells if cell["metadata"]["papermill"]["status"] == "failed"]
        ename, evalue = type(error).__name__, str(error)
        if not failed:
            return Failure(ename=ename, evalue=evalue)
        line = _first_line("".join(failed[0]["source"]))
        return Failure(cell=failed[0]["execution_count"], line=line, ename=ename, evalue=evalue)

    def _end(self, outcome: str, **news: object) -> None:
        done, total = files.cells(self.folder) or (0, 0)
        output = self.folder / files.OUTPUT
        digest = hashlib.sha256(output.read_bytes()).hexdigest() if output.exists() else None
        self.report(
            outcome=outcome,
            ended=datetime.now(UTC),
            cells_done=done,
            cells_total=total,
            output_sha256=digest,
            **news,
        )

    def _write_environment(self) -> str:
        text = environment_file()
        files.write_whole(self.folder / files.ENVIRONMENT, text)
        return hashlib.sha256(text.encode()).hexdigest()


def _of_cell(error: PapermillExecutionError) -> Failure:
    """Which cell failed, and how."""
    evalue = str(error.evalue)[:500]
    return Failure(cell=error.exec_count, line=_first_line(error.source), ename=error.ename, evalue=evalue)


def _first_line(source: str) -> str:
    """The first line of a cell that is no comment: by it a person knows the cell again."""
    lines = (line.strip() for line in source.splitlines())
    return next((line[:80] for line in lines if line and not line.startswith("#")), "")


def prepare(folder: Path, record: Record, runtime: str) -> None:
    """Give this process, and so the kernel, an environment without leftovers that knows the run and the site."""
    environment = clean_environment(os.environ, pwd.getpwuid(os.getuid()))
    own = {name: f"{runtime}/{name.lower()}" for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    os.environ.clear()
    os.environ.update(environment | own | {INSIDE: str(folder), "ONRAMP_SITE": record.submitted.site})


def main(argv: list[str]) -> int:
    """Run a run; exit with 0, 1 where the notebook failed, 143 where Slurm ended it."""
    folder = Path(argv[0])
    runtime = tempfile.mkdtemp(prefix="onramp-run-")
    try:
        run = NodeRun(folder, os.environ)
        prepare(folder, files.read_record(folder), runtime)

        def stop(*_: object) -> None:
            run.stopped()
            raise SystemExit(STOPPED)

        signal.signal(signal.SIGTERM, stop)
        return run.execute()
    except (OSError, ValueError) as error:
        print(f"onramp: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(runtime, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
