"""One process of a script that torchrun runs: it prints to a log of its own, and what ends it is written down.

`python -I -m spawners.run_rank FOLDER`, with torchrun's variables.
"""

import atexit
import os
import runpy
import sys
import time
import traceback
from pathlib import Path

from pydantic import BaseModel

from spawners import run_record as files
from spawners.run_record import Failure


class RankFailure(BaseModel, frozen=True, extra="forbid"):
    """What ended one process, and when; where one fails, the others often do too."""

    at: float
    failure: Failure


def note_failure(folder: Path, rank: int, ename: str, evalue: str = "") -> None:
    """Write down what ended a process, for whoever says what became of the whole run."""
    failure = Failure(rank=rank, ename=ename, evalue=evalue[:500])
    told = RankFailure(at=time.time(), failure=failure)
    files.write_whole(folder / f"rank-{rank}.json", told.model_dump_json() + "\n")


def run(folder: Path, rank: int) -> int:
    """Run the script as `python SCRIPT` would, with the modules beside the original; return the exit code."""
    script = str(folder / files.SCRIPT)
    sys.argv = [script]
    sys.path.insert(0, os.getcwd())
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as leave:
        return _exit_code(folder, rank, leave.code)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is said
        where = error.__traceback__
        while where and where.tb_frame.f_code.co_filename != script:
            where = where.tb_next
        traceback.print_exception(error.with_traceback(where or error.__traceback__))
        note_failure(folder, rank, type(error).__name__, str(error))
        return 1
    return 0


def _exit_code(folder: Path, rank: int, code: object) -> int:
    """What `sys.exit(code)` comes to."""
    if code is None or code == 0:
        return 0
    if not isinstance(code, int):
        print(code, file=sys.stderr)
    note_failure(folder, rank, "SystemExit", str(code))
    return code if isinstance(code, int) else 1


def main(folder: Path) -> None:
    """Run the script and end at once.

    What PyTorch's threads do while Python takes itself apart may abort a process whose work is done.
    """
    rank = int(os.environ["RANK"])
    if rank:
        log = os.open(folder / files.rank_log(rank), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
    code = run(folder, rank)
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
