"""A factory of the tests' own: started by `./onramp up` as anybody would, and looked into as `./onramp exec` does."""

import contextlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from hub_config.factory.namespace import NotRunning, inside
from hub_config.factory.state import State
from tests.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
_FIELDS = "JobID,User,UID,NodeList,AllocTRES,State,Account,Comment"
_PASSWORD = re.compile(r"^(teacher1|student[123]|sme1) +(\S+)$", re.MULTILINE)
_T = TypeVar("_T")


class Factory:
    """One state folder, the hub's port, and what `up` said; `down` deletes all of it."""

    def __init__(self, folder: Path | None = None, *, port: int | None = None, prefix: Sequence[str] = ()) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="onramp-e2e-"))
        self.port = port or free_port()
        self.passwords: Mapping[str, str] = {}
        self._prefix = prefix

    @property
    def url(self) -> str:
        """Where a browser finds the hub."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The host's pid of `unshare`, the parent of the namespace's first process."""
        return int((self.folder / "factory.pid").read_text().split()[0])

    @property
    def first_process(self) -> int:
        """The host's pid of the namespace's first process."""
        return int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0])

    def up(self, *options: str) -> Mapping[str, str]:
        """Start it detached; return the passwords that the terminal showed."""
        shown = dict(_PASSWORD.findall(self._onramp("up", "--detach", "--port", str(self.port), *options).stdout))
        self.passwords = shown or self.passwords
        return shown

    def down(self, *, purge: bool = True) -> None:
        """End every process; with `purge` delete the folder as well."""
        self._onramp("down", *(["--purge"] if purge else []))

    def exec(self, *command: str, user: str = "root") -> str:
        """Run a command inside and return its output; AssertionError with its words where it fails."""
        return _run(self._inside(user, command)).stdout

    def attempt(self, *command: str, user: str = "root", stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a command inside that may fail."""
        return _run(self._inside(user, command), check=False, stdin=stdin)

    def open(self, user: str) -> str:
        """Return a link that signs `user` in once."""
        return self._onramp("open", user).stdout.split()[-1]

    def status(self) -> "subprocess.CompletedProcess[str]":
        """Return what `./onramp status --json` prints; its code is 0 where everything works."""
        return self._onramp("status", "--json", check=False)

    def uid(self, user: str) -> int:
        """Return the uid of an account inside."""
        return int(self.exec("id", "-u", user))

    def jobs(self, user: str) -> list[str]:
        """Return the ids of the jobs of `user` that are queued or run."""
        return self.exec("squeue", "--noheader", "--states=PD,R", "--user", user, "--format=%i").split()

    def job(self, job_id: str) -> Mapping[str, str]:
        """Return what slurmctld knows of a job: `scontrol show job`, by key."""
        words = self.exec("scontrol", "--oneliner", "show", "job", job_id).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def accounting(self, job_id: str) -> Mapping[str, str]:
        """Return what slurmdbd knows of a job, by sacct's field names."""
        line = self.exec("sacct", "-nPX", "-j", job_id, f"--format={_FIELDS}").strip()
        return dict(zip(_FIELDS.split(","), line.split("|"), strict=True)) if line else {}

    def ended(self, job_id: str) -> Mapping[str, str]:
        """Return what slurmdbd knows of a job once it has heard of its end, a moment after the nodes."""

        def look() -> Mapping[str, str] | None:
            found = self.accounting(job_id)
            return found if found.get("State", "PENDING") not in ("PENDING", "RUNNING") else None

        return until(f"accounting knows how job {job_id} ended", look)

    def submitted(self, user: str) -> int:
        """Return how many jobs of `user` slurmdbd has ever heard of; of others it may still hear late."""
        return len(self.exec("sacct", "-nPX", "-u", user, "-S", "2000-01-01", "--format=JobID").split())

    def processes(self, user: str) -> list[tuple[int, str]]:
        """Return (pid inside, command line) of the processes of `user`, without the dead whom nobody has buried."""
        lines = self.attempt("ps", "-ww", "-u", user, "-o", "pid=,stat=,args=").stdout.splitlines()
        found = (line.split(maxsplit=2) for line in lines)
        return [(int(pid), args) for pid, state, args in found if not state.startswith("Z")]

    def argv(self, command: str, *arguments: str) -> list[str]:
        """Return `./onramp COMMAND` for this factory, to be run in the repository."""
        return [*self._prefix, "./onramp", command, "--state", str(self.folder), *arguments]

    def keep_logs(self, folder: Path) -> None:
        """Copy every part's log, and those of jobs, to `folder`; what cannot be read is left out."""
        parts = ["sh", "-c", "tail -v -n 400 /var/log/onramp/* /srv/onramp/spool/*/*.log 2>&1"]
        with contextlib.suppress(NotRunning):
            (folder / "logs.txt").write_text(self.attempt(*parts).stdout, errors="replace")
        for log in (self.folder / "var/log/onramp").glob("*"):
            shutil.copy(log, folder)

    def _inside(self, user: str, command: Sequence[str]) -> list[str]:
        """Return what runs a command inside: of one's own factory without `./onramp`, which takes half a second."""
        if self._prefix:
            return self.argv("exec", "--user", user, "--", *command)
        return inside(State(self.folder), command, user=user)

    def _onramp(self, command: str, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return _run(self.argv(command, *arguments), check=check)


def _run(argv: Sequence[str], *, check: bool = True, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        argv,
        cwd=REPOSITORY,
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=180,
        check=False,
    )
    assert not check or done.returncode == 0, f"{argv} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done


def until(what: str, look: Callable[[], _T | Literal[False] | None], *, seconds: float = 60) -> _T:
    """Return the first true value of `look`; AssertionError naming `what` when there is none in time."""
    end = time.monotonic() + seconds
    while not (value := look()):
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s (last seen: {value!r})"
        time.sleep(0.2)
    return value
