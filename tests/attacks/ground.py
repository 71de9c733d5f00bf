"""The ground that attacks are tried on: canaries outside the sandbox, and what must be as it was afterwards."""

import ctypes
import json
import secrets
import shutil
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest

from curricula.course import load_course
from curricula.here import Graded, Here
from curricula.hostile import LIMITS, received
from curricula.marks import Key, NotRun, Result
from curricula.release import generated
from tests.attacks.attack import COURSE, Attack, Where
from tests.attacks.build import lay, wrong
from tests.curricula.course_here import bubblewrap, solved

_CHILD_SUBREAPER = 36


class _Asked(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        """Note that somebody came, and tell the secret."""
        self.server.asked += 1  # type: ignore[attr-defined]
        self.request.sendall(self.server.secret.encode())  # type: ignore[attr-defined]


class _Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads, asked, secret = True, 0, ""


class _Tcp(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads, asked, secret = True, 0, ""


class Ground:
    """A course, people's files, services and a secret in each; `grade` tries one attack on it."""

    def __init__(self, root: Path, grader: Here) -> None:
        self.grader = grader
        self.secret = f"CANARY-{secrets.token_hex(16)}"
        self.home, self.peers, self.mine, self.work = (root / one for one in ("home", "peers", "mine", "work"))
        for folder in (self.home / ".ssh", self.peers, self.mine, self.work):
            folder.mkdir(parents=True)
        shutil.copytree(COURSE, root / "course")
        self.course = load_course(root / "course")
        seed = secrets.randbelow(10**9)  # which learners do not know
        self.versions = {one.name: generated(self.course, one, seed) for one in self.course.assignments}
        (self.home / ".ssh/id_ed25519").write_text(self.secret)
        (self.home / "gradebook.db").write_bytes(b"SQLite format 3\0" + self.secret.encode())
        (self.peers / "victim.ipynb").write_text(
            json.dumps(wrong(self.course, "attacks")).replace("zeros", self.secret)
        )
        unix = [_Unix(str(root / "socket"), _Asked), _Unix(f"\0{self.secret[:20]}", _Asked)]
        tcp = _Tcp(("127.0.0.1", 0), _Asked)
        self.servers: list[_Unix | _Tcp] = [*unix, tcp]
        for server in self.servers:
            server.secret = self.secret
            threading.Thread(target=server.serve_forever, daemon=True).start()
        self.places = {
            "home": self.home,
            "peers": self.peers,
            "course": self.course.folder,
            "port": tcp.server_address[1],
            "socket": root / "socket",
            "abstract": self.secret[:20],
        }
        self.before = self._seen()
        self.children: set[int] = set()

    def grade(self, attack: Attack, where: Where) -> Graded:
        """Hand an attack in, and grade it."""
        lay(self.mine, self.course, where, self.places, (attack,))
        try:
            content = received(self.mine / f"{attack.id}.ipynb", self.course.assignment(where).max_bytes)
        except NotRun as reason:
            return Graded(Result(key=Key(submission="", assignment="", environment=""), not_run=str(reason)))
        return self.grader.grade(content, self.versions[where], LIMITS)

    def honest(self, where: Where) -> Result:
        """Grade right answers."""
        content = json.dumps(solved(self.course, self.course.assignment(where))).encode()
        return self.grader.grade(content, self.versions[where], LIMITS).result

    def harm(self, trial: Graded) -> list[str]:
        """Say what an attack got hold of, changed or left, in words; nothing of it may be."""
        said = json.dumps([asdict(trial.report), trial.result.model_dump(), trial.notebook.get("cells", ())])
        errors = [f"{ran.error}: {ran.message[:300]}" for ran in trial.report.cells if ran.error == "Escaped"]
        changed = {path for path, _ in self.before.items() ^ self._seen().items()}
        ending = [one for one in self._running() if one.pid not in self.children]
        left = psutil.wait_procs(ending, timeout=10)[1]  # what was killed takes a moment
        return [
            *errors,
            *(["a secret came out"] if self.secret in said else []),
            *(f"{path} is not as it was" for path in changed),
            *(f"{one} is left" for one in left if _alive(one)),
            *(f"{path} is left in the work folder" for path in self.work.iterdir()),
            *(["a service was asked"] if any(server.asked for server in self.servers) else []),
        ]

    def settle(self) -> None:
        """From now on, processes that run already are the grader's own."""
        self.children = {one.pid for one in self._running()}

    def close(self) -> None:
        """End the services."""
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def _seen(self) -> dict[str, Any]:
        """Every file but the attack's own, with what is in it."""
        folders = (self.home, self.peers, self.course.folder)
        paths = [path for folder in folders for path in folder.rglob("*")]
        return {str(path): path.read_bytes() if path.is_file() else path.stat().st_mode for path in paths}

    def _running(self) -> list[psutil.Process]:
        """What descends from this process, orphans too, and has not ended."""
        return [one for one in psutil.Process().children(recursive=True) if _alive(one)]


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def ground(factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Make the ground, with this process as the parent of every orphan below it."""
    factory.getbasetemp()  # it lies where temporary files were before
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="oa-")))  # sockets need a short path
        patch.setenv("PATH", f"{bubblewrap()}:/usr/local/bin:/usr/bin:/bin")
        one = Ground(root, stack.enter_context(Here()))
        stack.callback(one.close)
        patch.setenv("HOME", str(one.home))
        patch.setenv("JUPYTERHUB_API_TOKEN", one.secret)
        patch.setattr(tempfile, "tempdir", str(one.work))
        libc = ctypes.CDLL(None)
        libc.prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)
        stack.callback(libc.prctl, _CHILD_SUBREAPER, 0, 0, 0, 0)
        yield one
