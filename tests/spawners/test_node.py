"""What runs on the node: a real JupyterLab and real kernels, whatever the home folder is like."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from spawners.node_folders import forget_old
from spawners.node_server import free_port, listener
from tests.hub_config.browser import send
from tests.hub_config.running_hub import ORDINARY, RunningHub, hub, wait
from tests.kernel import Kernel

__all__ = ["hub"]


@pytest.fixture
def home(hub: RunningHub) -> Iterator[Path]:
    """An empty home folder, and no server afterwards."""
    path = hub.folder / "home"
    path.mkdir(mode=0o700)
    hub.own(path)
    yield path
    hub.api("DELETE", "users/alice/server")
    hub.end_jobs()
    shutil.rmtree(path)


def put(hub: RunningHub, path: Path, text: str = "") -> None:
    """Write a file of the learner's, with the folders above it."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir()
            hub.own(folder)
    path.write_text(text)
    hub.own(path)


def calculated(hub: RunningHub, code: str, **options: str | bool) -> str:
    """Start a server in this home, start a kernel in it, and return what `code` prints."""
    job_id = hub.start_server("alice", "", profile="cpu", **options)
    hub.run_job(job_id, HOME=str(hub.folder / "home"), **_BROKEN)
    hub.ready("alice")
    kernel = Kernel(hub.route("alice").rstrip("/") + "/user/alice/", hub.user_token("alice"))
    kernel.connect()
    with closing(kernel):
        return kernel.run(code)


# What a learner's shell may have left in the environment of a job.
_BROKEN = {"PYTHONPATH": "/nonexistent", "PYTHONHOME": "/nonexistent", "CONDA_PREFIX": "/nonexistent"}


def test_broken_packages_of_ones_own_and_a_broken_conda(hub: RunningHub, home: Path) -> None:
    """User site packages are off, and no start-up file of a shell is read."""
    for name in ("tornado.py", "sitecustomize.py"):
        put(hub, home / ".local/lib/python3.11/site-packages" / name, "raise SystemExit('broken ~/.local')")
    for name in (".bashrc", ".profile", ".bash_profile"):
        put(hub, home / name, "echo conda init is broken; exit 1\n")
    assert calculated(hub, "import tornado; print(6 * 7)") == "42"


def test_dot_local_is_a_file(hub: RunningHub, home: Path) -> None:
    put(hub, home / ".local")
    assert calculated(hub, "print(6 * 7)") == "42"


def test_modules_in_the_home_folder(hub: RunningHub, home: Path) -> None:
    for name in ("json.py", "tornado.py", "jupyterhub.py"):
        put(hub, home / name, "raise SystemExit('shadowed')")
    job_id = hub.start_server("alice", profile="cpu")
    hub.run_job(job_id, HOME=str(home))
    assert hub.ready("alice")


def test_a_full_home(hub: RunningHub, home: Path) -> None:
    if os.getuid() or subprocess.run(("mount", "-t", "tmpfs", "-o", "size=64k", "full", home)).returncode:
        pytest.skip("a full file system is a small tmpfs, which only root may mount here")
    try:
        home.chmod(0o700)
        hub.own(home)
        with pytest.raises(OSError, match="No space left"):
            (home / "everything").write_bytes(bytes(1 << 20))
        assert shutil.disk_usage(home).free == 0
        assert calculated(hub, "print(6 * 7)") == "42"
    finally:
        hub.api("DELETE", "users/alice/server")
        hub.end_jobs()
        subprocess.run(("umount", "--lazy", home), check=True)


def test_a_home_that_nobody_may_write(hub: RunningHub, home: Path) -> None:
    home.chmod(0o500)
    assert calculated(hub, "print(6 * 7)") == "42"


def test_a_locked_history(hub: RunningHub, home: Path) -> None:
    history = home / ".ipython/profile_default/history.sqlite"
    put(hub, history)
    with sqlite3.connect(history, isolation_level=None) as holder:
        holder.execute("CREATE TABLE kept (line TEXT)")
        holder.execute("BEGIN EXCLUSIVE")
        begin = time.monotonic()
        assert calculated(hub, "print(6 * 7)") == "42"
        assert "database is locked" in hub.job_log(max(hub.jobs, key=int))
        # SQLite's own patience is 5 seconds, at every start of a kernel.
        assert time.monotonic() - begin < 60
    assert history.exists()


def test_safe_start_uses_no_setting_of_the_home(hub: RunningHub, home: Path) -> None:
    put(hub, home / ".jupyter/jupyter_server_config.py", "raise SystemExit('broken settings')")
    put(hub, home / ".ipython/profile_default/startup/00.py", "raise SystemExit('broken start-up')")
    put(hub, home / "mine.txt", "kept")
    code = "print(__import__('os').environ['IPYTHONDIR'].startswith('/'), open('mine.txt').read())"
    assert calculated(hub, code, safe_start=True) == "True kept"


def test_own_settings_count_otherwise_and_the_runtime_directory_is_private(hub: RunningHub, home: Path) -> None:
    put(hub, home / ".ipython/profile_default/startup/00.py", "answer = 42")
    code = "import jupyter_core.paths as p; print(answer, p.jupyter_runtime_dir())"
    answer, runtime = calculated(hub, code).split()
    assert answer == "42"
    assert Path(runtime).is_relative_to(hub.folder / "spool")
    for path in (Path(runtime), Path(runtime).parent):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077


_SAYS_MODULES = """
import os, signal, sys
def say(*_):
    with open("modules.new", "w") as file:
        file.write("\\n".join(sys.modules))
    os.replace("modules.new", "modules")
signal.signal(signal.SIGUSR2, say)
with open("pid", "w") as file:
    file.write(str(os.getpid()))
"""


def modules(hub: RunningHub, home: Path) -> set[str]:
    """Ask alice's running server, which has the settings above, for what it has imported."""
    said = home / "modules"
    said.unlink(missing_ok=True)
    os.kill(int((home / "pid").read_text()), signal.SIGUSR2)
    # A request wakes the server, where another thread of it took the signal.
    wait(lambda: bool(asked(hub, "api")) and said.exists(), lambda: "the server does not say its modules")
    return set(said.read_text().split())


def asked(hub: RunningHub, path: str) -> Any:
    """Return what alice's server answers at `path`."""
    request = Request(f"{hub.route('alice').rstrip('/')}/user/alice/{path}")
    request.add_header("Authorization", f"token {hub.user_token('alice')}")
    return json.loads(send(build_opener(ProxyHandler({})), request).text)


def test_a_server_loads_no_database_until_nbgrader_is_asked_for(hub: RunningHub, home: Path) -> None:
    put(hub, home / ".jupyter/jupyter_server_config.py", _SAYS_MODULES)
    hub.run_job(hub.start_server("alice", profile="cpu"), HOME=str(home))
    hub.ready("alice")
    unused = {"alembic", "sqlalchemy", "jupyterhub.orm", "jupyterhub.handlers", "nbgrader", "rfc3987_syntax"}
    assert not unused & modules(hub, home)

    assert asked(hub, f"nbgrader_version?version={version('nbgrader')}")["success"]
    assert "nbgrader.server_extensions.assignment_list" in modules(hub, home)


def test_nothing_is_left_in_the_spool_but_a_log(hub: RunningHub, home: Path) -> None:
    job_id = hub.start_server("alice", profile="cpu")
    job = hub.run_job(job_id, HOME=str(home))
    hub.ready("alice")
    hub.api("DELETE", "users/alice/server")
    job.terminate()
    assert job.wait(20) == 0
    assert not [path for path in (hub.folder / "spool" / ORDINARY.pw_name).iterdir() if path.suffix != ".log"]


def test_a_hub_that_waits_no_longer_ends_the_server(hub: RunningHub, home: Path) -> None:
    job_id = hub.start_server("alice", profile="cpu")
    hub.api("DELETE", "users/alice/server")
    # The hub's cancel has removed the file with the token; without it nothing starts either.
    assert hub.run_job(job_id, HOME=str(home)).wait(20) == 1
    assert "onramp: " in hub.job_log(job_id)


def test_the_listener_is_known_by_its_uid() -> None:
    port = free_port("127.0.0.1")
    assert listener("127.0.0.1", port) is None
    with socket.create_server(("127.0.0.1", port)):
        assert listener("127.0.0.1", port) == os.getuid()
        assert listener("127.0.0.2", port) is None
    assert listener("127.0.0.1", port) is None


def test_what_old_starts_left_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "kept").write_text("")
    (tmp_path / "elsewhere").symlink_to("/etc")
    for name in ("old.log", "old.json", "old/file"):
        (tmp_path / name).write_text("")
    for name in ("old", "old.log", "old.json", "elsewhere"):
        os.utime(tmp_path / name, (0, 0), follow_symlinks=False)

    forget_old(tmp_path, now=time.time())

    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert Path("/etc/passwd").exists()
