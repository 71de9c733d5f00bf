"""What a run's job does on its node: papermill executes the notebook, which is saved after each cell.

`python -I -m spawners.run_node FOLDER`; what it says of itself goes to run.json, what the notebook prints to the log.
"""

import contextlib
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
from spawners.run_environment import digest, environment_file
from spawners.run_papermill import Engine, WholeFiles
from spawners.run_record import INSIDE, Failure, Record, Reported
from spawners.run_words import NO_SPACE, failure_sentence

STOPPED = 143
_FULL = (errno.ENOSPC, errno.EDQUOT)


class NodeRun:
    """One run on its node: the record it keeps of itself."""

    def __init__(self, folder: Path, job: Mapping[str, str], runtime: str) -> None:
        """`runtime` is a private folder on the node, which ends with the job."""
        self.folder = folder
        self._runtime = runtime
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
        try:
            self.report(environment_sha256=self._write_environment())
            self._papermill()
        except Exception as error:  # noqa: BLE001 - whatever ends it is what its owner wants to know
            return self._failed(error)
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
            # On a node that others use too, nobody else can listen to sockets in a private folder. Their path is
            # given whole: the default lies in the working directory, where two runs at once would meet.
            config=Config({"KernelManager": {"transport": "ipc", "ip": f"{self._runtime}/kernel"}}),
        )

    def _failed(self, error: Exception) -> int:
        """Say and report why it failed, as far as a full disk allows; return the exit code."""
        full = isinstance(error, OSError) and error.errno in _FULL
        with contextlib.suppress(OSError):
            failure = Failure(ename="NoSpace") if full else self._failure(error)
            print(f"onramp: {failure_sentence(failure, self._record)}", flush=True)
            self._end("failed", failure=failure)
        return NO_SPACE if full else 1

    def _failure(self, error: Exception) -> Failure:
        """Which cell failed, and how; no cell where Python did not start."""
        if isinstance(error, PapermillExecutionError):
            line = _first_line(error.source)
            return Failure(cell=error.exec_count, line=line, ename=error.ename, evalue=str(error.evalue)[:500])
        failure = Failure(ename=type(error).__name__, evalue=str(error)[:500])
        output = self.folder / files.OUTPUT
        cells = json.loads(output.read_bytes())["cells"] if output.exists() else []
        number = 0
        for cell in cells:
            # A Python that dies at once does not say the cell's number any more: it is the next one.
            number = cell.get("execution_count") or number + (cell["cell_type"] == "code")
            if cell["metadata"]["papermill"]["status"] == "failed":
                return failure.model_copy(update={"cell": number, "line": _first_line("".join(cell["source"]))})
        return failure

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
        return digest(text)


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
    """Run a run; exit with 0, 1 where the notebook failed, 28 where the disk was full, 143 where Slurm ended it."""
    folder = Path(argv[0])
    runtime = tempfile.mkdtemp(prefix="onramp-run-")
    try:
        run = NodeRun(folder, os.environ, runtime)
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


def finish(code: int) -> int:
    """Let nothing that the log has no room for change the exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return code or NO_SPACE
    return code


if __name__ == "__main__":
    sys.exit(finish(main(sys.argv[1:])))
