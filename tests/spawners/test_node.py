"""What runs on the node: a real JupyterLab and real kernels, whatever the home folder is like."""

import json
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websocket import create_connection

from spawners import node
from spawners.node_folders import forget_old
from spawners.node_server import free_port, listener
from tests.hub_config.browser import send
from tests.hub_config.running_hub import ORDINARY, RunningHub, hub

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
    parts = urlsplit(hub.route("alice"))
    token, server = hub.user_token("alice"), f"{parts.netloc}/user/alice/api"
    kernel = _post(hub, f"http://{server}/kernels", token)["id"]
    return _printed(f"ws://{server}/kernels/{kernel}/channels", token, code)


# What a learner's shell may have left in the environment of a job.
_BROKEN = {"PYTHONPATH": "/nonexistent", "PYTHONHOME": "/nonexistent", "CONDA_PREFIX": "/nonexistent"}


def _post(hub: RunningHub, url: str, token: str) -> dict[str, str]:
    from urllib.request import ProxyHandler, Request, build_opener

    request = Request(url, data=b"{}", headers={"Authorization": f"token {token}"})
    answer = send(build_opener(ProxyHandler({})), request)
    assert answer.status == 201, answer.text
    found: dict[str, str] = json.loads(answer.text)
    return found


def _printed(url: str, token: str, code: str) -> str:
    """Execute in a kernel over its own protocol; return the first line of output, or of an error."""
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
    header = {"msg_id": "1", "msg_type": "execute_request", "username": "", "session": "1", "version": "5.3"}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    socket_ = create_connection(url, header=[f"Authorization: token {token}"], timeout=60)
    try:
        socket_.send(json.dumps(message))
        while True:
            answer = json.loads(socket_.recv())
            if answer["parent_header"].get("msg_id") == "1" and answer["msg_type"] in ("stream", "error"):
                return str(answer["content"].get("text") or answer["content"]).strip()
    finally:
        socket_.close()


def test_user_site_packages_are_off(hub: RunningHub, home: Path) -> None:
    put(hub, home / ".local/lib/python3.11/site-packages/tornado.py", "raise SystemExit('broken ~/.local')")
    put(hub, home / ".local/lib/python3.11/site-packages/sitecustomize.py", "raise SystemExit('broken ~/.local')")
    assert calculated(hub, "import tornado; print(6 * 7)") == "42"


def test_dot_local_is_a_file(hub: RunningHub, home: Path) -> None:
    put(hub, home / ".local")
    assert calculated(hub, "print(6 * 7)") == "42"


def test_conda_in_the_start_up_files(hub: RunningHub, home: Path) -> None:
    for name in (".bashrc", ".profile", ".bash_profile"):
        put(hub, home / name, "echo conda init is broken; exit 1\n")
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


def test_own_settings_count_otherwise(hub: RunningHub, home: Path) -> None:
    put(hub, home / ".ipython/profile_default/startup/00.py", "answer = 42")
    assert calculated(hub, "print(answer)") == "42"


def test_the_runtime_directory_is_private_and_not_in_the_home(hub: RunningHub, home: Path) -> None:
    code = "import jupyter_core.paths as p; print(p.jupyter_runtime_dir())"
    runtime = Path(calculated(hub, code))
    assert runtime.is_relative_to(hub.folder / "spool")
    assert not any(stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (runtime, runtime.parent))


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


def test_secrets_of_somebody_else_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("{}")
    file.chmod(0o644)
    with pytest.raises(node.NodeError, match="not a private file"):
        node.take_secrets(file)
    assert not file.exists()
    (tmp_path / "target.json").write_text("{}")
    (tmp_path / "link.json").symlink_to(tmp_path / "target.json")
    with pytest.raises(OSError, match="symbolic links"):
        node.take_secrets(tmp_path / "link.json")


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
