"""A small Slurm of ordinary programs on a PATH of its own: real processes, no daemon, for fast tests."""

import json
import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

COMMANDS = ("sbatch", "squeue", "scancel", "sacct", "sacctmgr", "sshare", "scontrol")
PROGRAM = Path(__file__).parent / "program.py"


class FakeSlurm:
    """The test's end: what was called, what jobs there are, and what shall go wrong."""

    def __init__(self, folder: Path) -> None:
        """Install the commands in `folder`/bin; any uid may use them, and all share one state."""
        self.bin = folder / "bin"
        self.state = folder / "state"
        self.bin.mkdir(parents=True)
        for path in (self.state, self.state / "jobs", self.state / "calls"):
            path.mkdir()
            path.chmod(0o777)
        program = PROGRAM.read_text().replace("STATE = None", f"STATE = {str(self.state)!r}")
        for name in COMMANDS:
            path = self.bin / name
            path.write_text(f"#!{sys.executable} -IS\n{program}")
            path.chmod(0o755)

    def calls(self, name: str) -> list[dict[str, Any]]:
        """Every call of a command so far: {"argv": […], "stdin": "…", "environ": {…}, "uid": …}."""
        paths = sorted((self.state / "calls").glob(f"{name}.*"), key=lambda path: int(path.suffix[1:]))
        return [json.loads(path.read_text()) for path in paths]

    def job(self, job_id: str) -> dict[str, str]:
        """A job as the fake keeps it."""
        job: dict[str, str] = json.loads((self.state / "jobs" / job_id).read_text())
        return job

    def put(self, job_id: str, **values: str) -> None:
        """Put a job into the queue that nobody has submitted here, for example user="alice", comment="…"."""
        job = {"job_id": job_id, "state": "PENDING", "node": "n/a", **values}
        (self.state / "jobs" / job_id).write_text(json.dumps(job))

    def change(self, job_id: str, **values: str) -> None:
        """Let something happen to a job, for example state="RUNNING", node="gpu1"."""
        path = self.state / "jobs" / job_id
        path.write_text(json.dumps(self.job(job_id) | values))

    def put_back(self, job_id: str, **values: str) -> None:
        """End this start of a job with these values, and put it back into the queue."""
        job = self.job(job_id)
        before = [*json.loads(job.pop("starts", "[]")), job | values]
        self.change(job_id, starts=json.dumps(before), state="PENDING", reason="BeginTime", start="", end="")

    def hide(self, job_id: str) -> None:
        """From now on squeue leaves this job out, and calls that success."""
        self.change(job_id, hidden="yes")

    def purge(self, job_id: str) -> None:
        """Forget a job altogether: neither squeue nor sacct knows it."""
        (self.state / "jobs" / job_id).unlink()

    def answer(self, name: str, *, out: str = "", err: str = "", code: int = 0, seconds: float = 0) -> None:
        """From now on `name` prints this and does nothing else, after a wait."""
        (self.state / f"{name}.answer").write_text(json.dumps([out, err, code, seconds]))

    def starts(self, **minutes: int) -> None:
        """From now on a job would start in so many minutes, by the name of its QoS or else its partition; or never."""
        now = datetime.now() + timedelta(seconds=20)
        times = {lane: (now + timedelta(minutes=more)).isoformat(timespec="seconds") for lane, more in minutes.items()}
        (self.state / "starts.json").write_text(json.dumps(times))

    def refuse(self, **words: str) -> None:
        """From now on no job is taken in these partitions (or QoS), in these words; starts elsewhere are as set."""
        (self.state / "refused.json").write_text(json.dumps(words))

    def daily(self, rows: list[list[str]]) -> None:
        """From now on sacct, where it is asked about an account, tells these rows."""
        (self.state / "daily.json").write_text(json.dumps(rows))

    def past(self, rows: list[list[str]]) -> None:
        """From now on sacct, where it is asked about partitions, tells these rows."""
        (self.state / "past.json").write_text(json.dumps(rows))

    def wait(self, name: str, seconds: float) -> None:
        """From now on `name` works, but takes this long."""
        (self.state / f"{name}.answer").write_text(json.dumps([None, "", 0, seconds]))

    def lose_answer(self, name: str, *, err: str, code: int = 1) -> None:
        """From now on `name` does its work, but whoever called it hears this instead of what came of it."""
        (self.state / f"{name}.lost").write_text(json.dumps([err, code]))

    def heal(self, name: str) -> None:
        """From now on `name` works again."""
        for kind in ("answer", "lost"):
            (self.state / f"{name}.{kind}").unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.bin.parent)
