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
from papermill.engines import Engine as PapermillEngine
from papermill.engines import papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import papermill_io
from traitlets.config import Config

from spawners import run_record as files
from spawners.node_job import clean_environment
from spawners.process import alone
from spawners.run import Run
from spawners.run_checkpoint import last
from spawners.run_environment import digest, environment_file
from spawners.run_papermill import Engine, WholeFiles
from spawners.run_record import INSIDE, Failure, Record, Reported
from spawners.run_requeue import Queue, begun_again
from spawners.run_resume import go_on
from spawners.run_use import Watch
from spawners.run_words import NO_SPACE, failure_sentence
from spawners.slurm import Slurm

STOPPED = 143
_FULL = (errno.ENOSPC, errno.EDQUOT)


class NodeRun:
    """One run on its node: the record it keeps of itself."""

    what = "notebook"
    engine: type[PapermillEngine] = Engine

    def __init__(self, folder: Path, job: Mapping[str, str], runtime: str) -> None:
        """`runtime` is a private folder on the node, which ends with the job."""
        self.folder = folder
        self._runtime = runtime
        self._near = False
        before = files.read_record(folder)
        self._record = begun_again(folder, before)
        self._queue = Queue(before, job.get("SLURM_JOB_ID"), Slurm(), _say)
        kept = last(folder)
        self._watch = Watch(job)
        self._reported = Reported(
            job_id=job.get("SLURM_JOB_ID"),
            node=job.get("SLURMD_NODENAME"),
            started=datetime.now(UTC),
            resumed_from=kept.cell + 1 if kept else 0,
        )

    def report(self, **news: object) -> Record:
        """Add to what the job says about itself; a start that was thought dead says nothing into another's record."""
        if files.read_record(self.folder).resumed != self._record.resumed:
            _say("this run goes on elsewhere: Slurm has put its job back. This start of it ends here.")
            os._exit(STOPPED)
        self._reported = Reported.model_validate(self._reported.model_dump() | news)
        self._record = self._record.model_copy(update={"reported": self._reported})
        files.write_record(self.folder, self._record)
        return self._record

    def execute(self) -> int:
        """Execute the notebook; return the job's exit code."""
        try:
            self._queue.begin()
            self.report(environment_sha256=self._write_environment())
            with self._watch:
                self.work()
        except Exception as error:  # noqa: BLE001 - whatever ends it is what its owner wants to know
            return self._failed(error)
        self._end("completed")
        print(f"onramp: the {self.what} has run to its end.", flush=True)
        return 0

    def warned(self) -> None:
        """Note that the time limit is near: an end that comes now is its doing."""
        self._near = True
        _say("the time limit is near.")

    def stopped(self) -> None:
        """Note that Slurm ends the job, and go on in another where that is wanted and allowed; little time is left."""
        record = self._end("stopped")
        if self._near and self._reported.job_id:
            _say(alone(go_on(Run(self.folder), record, self._reported.job_id, Slurm())))

    def work(self) -> None:
        """Execute the notebook, saved after each cell."""
        submitted = self._record.submitted
        papermill_io.register(str(self.folder), WholeFiles())
        papermill_engines.register("onramp", self.engine)
        papermill.execute_notebook(
            str(self.folder / files.INPUT),
            str(self.folder / files.OUTPUT),
            parameters=yaml.safe_load((self.folder / files.PARAMETERS).read_text()),
            engine_name="onramp",
            folder=self.folder,
            earlier=files.output_cells(self.folder) if self._reported.resumed_from else (),
            saved=self._queue.saved,
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
            failure = Failure(ename="NoSpace") if full else self.failure(error)
            print(f"onramp: {failure_sentence(failure, self._record)}", flush=True)
            self._end("failed", failure=failure)
        return NO_SPACE if full else 1

    def failure(self, error: Exception) -> Failure:
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

    def _end(self, outcome: str, **news: object) -> Record:
        done, total = files.cells(self.folder) or (0, 0)
        output = self.folder / files.OUTPUT
        digest = hashlib.sha256(output.read_bytes()).hexdigest() if output.exists() else None
        return self.report(
            outcome=outcome,
            ended=datetime.now(UTC),
            cells_done=done,
            cells_total=total,
            output_sha256=digest,
            use=self._watch.use if self._watch.use.looks else None,
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


def main(argv: list[str], kind: type[NodeRun] = NodeRun) -> int:
    """Run a run of this kind; exit with 0, 1 where it failed, 28 where the disk was full, 143 where Slurm ended it."""
    folder = Path(argv[0])
    runtime = tempfile.mkdtemp(prefix="onramp-run-")
    try:
        run = kind(folder, os.environ, runtime)
        prepare(folder, files.read_record(folder), runtime)

        def stop(*_: object) -> None:
            run.stopped()
            raise SystemExit(STOPPED)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGUSR1, lambda *_: run.warned())
        return run.execute()
    except (OSError, ValueError) as error:
        print(f"onramp: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(runtime, ignore_errors=True)


def _say(text: str) -> None:
    """Print where a signal may have interrupted a print: Python's own files refuse that."""
    with contextlib.suppress(OSError):
        os.write(1, f"onramp: {text}\n".encode())


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
