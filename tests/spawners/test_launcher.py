"""The launcher: the right user, the right file, nothing else, and no way to make it do more.

The service is the real program, started by root, and really becomes `nobody`; as an ordinary user those tests are
skipped, and what needs no other user is tried as oneself.
"""

import asyncio
import contextlib
import json
import os
import pwd
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spawners import as_user
from spawners.launcher import LauncherError, SelfLauncher, SocketLauncher, SudoLauncher
from tests.fake_slurm import FakeSlurm

NOBODY = pwd.getpwnam("nobody")
SCRIPT = "#!/bin/sh\n#SBATCH --job-name=a\n\ntrue\n"
NONCE = "0123456789abcdef"
PROGRAM = Path(as_user.__file__).resolve()
HUB = 4242  # a uid that nobody has: the hub's in these tests


def _why_not_root() -> str:
    """Why the service cannot be tried here; empty when it can."""
    if os.geteuid() != 0:
        return "needs root: the service becomes another user"
    probe = [sys.executable, "-I", "-c", f"open({str(PROGRAM)!r})"]
    if subprocess.run(probe, user="nobody", capture_output=True, check=False).returncode:
        return "needs a checkout and an interpreter that every user can read"
    return ""


as_root = pytest.mark.skipif(bool(_why_not_root()), reason=_why_not_root() or "can run")


def _wait_for(path: Path, uid: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the service listens; the socket changes its owner just before."""
    deadline = time.monotonic() + 30
    while not (path.exists() and path.stat().st_uid == uid):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.05)


@pytest.fixture
def service(fake_slurm: FakeSlurm, open_folder: Path) -> Iterator[Path]:
    """The socket of a real service that only the uid HUB may use."""
    with serving(fake_slurm, open_folder / "launcher.sock", HUB) as path:
        yield path


@pytest.fixture
def own_service(fake_slurm: FakeSlurm, open_folder: Path) -> Iterator[Path]:
    """The socket of a real service that this process may use."""
    with serving(fake_slurm, open_folder / "launcher.sock", os.getuid()) as path:
        yield path


@contextlib.contextmanager
def serving(fake_slurm: FakeSlurm, path: Path, uid: int, *, group: str = "nogroup") -> Iterator[Path]:
    """A service on a socket at `path` for `uid`, with secrets in its environment that nobody may see."""
    command = [sys.executable, "-m", "spawners.launcher", "serve", str(path), "--allow-uid", str(uid), "--group", group]
    environ = {"PATH": "/usr/bin:/bin", "SLURM_CONF": "/etc/slurm/here.conf", "JUPYTERHUB_API_TOKEN": "s3cret"}
    process = subprocess.Popen([*command, "--commands", str(fake_slurm.bin)], env=environ, cwd=PROGRAM.parents[1])
    try:
        _wait_for(path, uid, process)
        yield path
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def runtime(open_folder: Path) -> Path:
    """A runtime directory in a folder where everybody may make one, as in /srv/onramp/spool."""
    spool = open_folder / "spool"
    spool.mkdir()
    spool.chmod(0o1777)
    return spool / "nobody"


def speak(path: Path, text: bytes, uid: int = HUB) -> dict[str, Any] | None:
    """What the service answers to whoever has this uid; None when it hangs up without a word."""
    program = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(sys.argv[1])\n"
        "try:\n"
        "    s.sendall(sys.stdin.buffer.read()); s.shutdown(socket.SHUT_WR)\n"
        "except (BrokenPipeError, OSError): pass\n"
        "b = b''\n"
        "try:\n"
        "    while c := s.recv(65536): b += c\n"
        "except ConnectionError: pass\n"
        "sys.stdout.buffer.write(b)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(path)],
        input=text,
        capture_output=True,
        user=uid,
        group=uid,
        extra_groups=[],
        check=False,
    )
    if done.returncode:
        raise PermissionError(done.stderr.decode())
    answer: dict[str, Any] | None = json.loads(done.stdout) if done.stdout else None
    return answer


def ask(path: Path, **request: object) -> dict[str, Any]:
    """Send a request as the hub."""
    answer = speak(path, json.dumps({"user": "nobody"} | request).encode())
    assert answer is not None
    return answer


def submit(path: Path, **more: object) -> dict[str, Any]:
    """Submit a job as the hub."""
    return ask(path, action="submit", script=SCRIPT, **more)


def told(runtime: Path) -> dict[str, object]:
    """A secret, and where to put it."""
    return {"secrets": {"JUPYTERHUB_API_TOKEN": "t0ken"}, "runtime": str(runtime), "nonce": NONCE}


# -- the service


@as_root
def test_a_job_is_submitted_as_the_user_with_no_way_back(service: Path, fake_slurm: FakeSlurm) -> None:
    assert submit(service) == {"job_id": "1"}

    (call,) = fake_slurm.calls("sbatch")
    assert call["argv"] == ["--parsable"]
    assert call["stdin"] == SCRIPT
    assert call["cwd"] == "/"
    assert call["status"]["Uid"].split() == [str(NOBODY.pw_uid)] * 4
    assert call["status"]["Gid"].split() == [str(NOBODY.pw_gid)] * 4
    assert set(call["status"]["Groups"].split()) == {str(NOBODY.pw_gid)}
    assert call["status"]["NoNewPrivs"] == "1"
    assert set(call["status"]["CapEff"] + call["status"]["CapPrm"]) == {"0"}
    assert call["status"]["Umask"] == "0077"
    assert set(call["environ"]) - {"LC_CTYPE"} == {"HOME", "LANG", "LOGNAME", "PATH", "SHELL", "SLURM_CONF", "USER"}


@as_root
def test_nothing_that_the_service_has_open_is_passed_on(service: Path, fake_slurm: FakeSlurm) -> None:
    submit(service)

    files = fake_slurm.calls("sbatch")[0]["files"]
    assert not [name for name in files.values() if "socket" in name or "memfd" in name]


@as_root
def test_secrets_lie_in_a_file_of_the_users_own(service: Path, runtime: Path, fake_slurm: FakeSlurm) -> None:
    assert submit(service, **told(runtime)) == {"job_id": "1"}

    file = runtime / f"{NONCE}.json"
    assert json.loads(file.read_text()) == {"JUPYTERHUB_API_TOKEN": "t0ken"}
    for path, mode in ((runtime, 0o700), (file, 0o600)):
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert path.stat().st_uid == NOBODY.pw_uid
    assert "t0ken" not in json.dumps(fake_slurm.calls("sbatch"))


@as_root
def test_nothing_stays_when_sbatch_refuses(service: Path, runtime: Path, fake_slurm: FakeSlurm) -> None:
    fake_slurm.answer("sbatch", err="sbatch: error: Invalid account\n", code=1)

    assert submit(service, **told(runtime)) == {"error": "sbatch: error: Invalid account"}
    assert list(runtime.iterdir()) == []


@as_root
def test_a_cancellation_removes_secrets_that_were_not_read(service: Path, runtime: Path, fake_slurm: FakeSlurm) -> None:
    submit(service, **told(runtime))
    place = {"runtime": str(runtime), "nonce": NONCE}

    assert ask(service, action="cancel", job_id="1", **place) == {}
    assert list(runtime.iterdir()) == []
    assert fake_slurm.calls("scancel")[0]["argv"] == ["1"]
    assert ask(service, action="cancel", job_id="1", **place) == {}


@as_root
@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("scancel: error: Kill job error on job id 1: Invalid job id specified", None),
        ("scancel: error: Kill job error on job id 1: Job/step already completing or completed", None),
        ("scancel: error: Kill job error on job id 1: Access/permission denied", True),
    ],
)
def test_a_job_that_is_over_is_cancelled_already(
    service: Path, fake_slurm: FakeSlurm, words: str, error: bool | None
) -> None:
    fake_slurm.answer("scancel", err=words, code=1)

    assert ask(service, action="cancel", job_id="1") == ({"error": words} if error else {})


@as_root
def test_when_a_job_would_start(service: Path) -> None:
    assert ask(service, action="test", script=SCRIPT)["says"].startswith("sbatch: Job 7 to start at 2026-11-20")


@as_root
@pytest.mark.parametrize(
    ("user", "error"),
    [
        ("root", "only by people"),
        ("daemon", "only by people"),
        ("n0-such-user", "There is no Unix user"),
        ("Nobody", "shape"),
        ("-R", "shape"),
        ("65534", "shape"),
        ("nobody\n", "shape"),
        ("nobody\0", "shape"),
        ("", "shape"),
        (["nobody"], "shape"),
        (65534, "shape"),
        (None, "shape"),
    ],
    ids=ascii,
)
def test_nobody_becomes_root_a_system_user_or_an_unknown_one(
    service: Path, fake_slurm: FakeSlurm, user: object, error: str
) -> None:
    assert error in submit(service, user=user)["error"]
    assert not fake_slurm.calls("sbatch")


@as_root
def test_people_outside_the_group_are_never_acted_for(fake_slurm: FakeSlurm, open_folder: Path) -> None:
    with serving(fake_slurm, open_folder / "launcher.sock", HUB, group="daemon") as path:
        assert "'nobody' is not in the group 'daemon'" in submit(path)["error"]
    assert not fake_slurm.calls("sbatch")


@as_root
def test_only_the_hub_can_open_the_socket(service: Path) -> None:
    with pytest.raises(PermissionError):
        speak(service, b"{}", uid=HUB + 1)


@as_root
def test_whoever_else_gets_at_the_socket_is_hung_up_on(service: Path, fake_slurm: FakeSlurm) -> None:
    service.chmod(0o666)
    request = json.dumps({"user": "nobody", "action": "submit", "script": SCRIPT}).encode()

    assert speak(service, request, uid=HUB + 1) is None
    assert speak(service, request, uid=0) is None
    assert not fake_slurm.calls("sbatch")
    assert speak(service, request) == {"job_id": "1"}


@as_root
@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b"[" * 100_000, b'{"user": "nobody"}', b'{"user":"nobody"}\n{}'],
    ids=lambda text: repr(text[:12]),
)
def test_garbage_is_answered_and_the_service_lives(service: Path, text: bytes) -> None:
    answer = speak(service, text)

    assert answer is not None
    assert "A request is" in answer["error"]
    assert submit(service) == {"job_id": "1"}


@as_root
def test_a_request_has_an_end(service: Path, fake_slurm: FakeSlurm) -> None:
    answer = speak(service, b" " * (as_user.LIMIT + 2))

    assert answer is None or "at most" in answer["error"]
    assert submit(service) == {"job_id": "1"}


@as_root
def test_a_client_that_says_nothing_holds_up_nobody(service: Path) -> None:
    holders = []
    for _ in range(5):
        holder = socket.socket(socket.AF_UNIX)
        os.seteuid(HUB)
        try:
            holder.connect(str(service))
        finally:
            os.seteuid(0)
        holders.append(holder)

    assert submit(service) == {"job_id": "1"}
    for holder in holders:
        holder.close()


@as_root
def test_a_runtime_directory_that_is_a_link_is_refused(service: Path, runtime: Path, fake_slurm: FakeSlurm) -> None:
    target = runtime.parent / "elsewhere"
    target.mkdir()
    os.chown(target, NOBODY.pw_uid, NOBODY.pw_gid)
    runtime.symlink_to(target)

    assert "cannot be used" in submit(service, **told(runtime))["error"]
    assert list(target.iterdir()) == []
    assert not fake_slurm.calls("sbatch")


@as_root
def test_a_runtime_directory_of_somebody_else_is_refused(service: Path, runtime: Path, fake_slurm: FakeSlurm) -> None:
    runtime.mkdir()
    runtime.chmod(0o777)

    assert submit(service, **told(runtime))["error"].endswith("belongs to someone else.")
    assert list(runtime.iterdir()) == []
    assert not fake_slurm.calls("sbatch")


@as_root
def test_a_loose_runtime_directory_of_the_users_own_is_closed(service: Path, runtime: Path) -> None:
    runtime.mkdir()
    runtime.chmod(0o777)
    os.chown(runtime, NOBODY.pw_uid, NOBODY.pw_gid)

    assert submit(service, **told(runtime)) == {"job_id": "1"}
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700


@as_root
@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_a_file_that_is_there_already_is_not_written(
    service: Path, runtime: Path, fake_slurm: FakeSlurm, kind: str
) -> None:
    runtime.mkdir()
    os.chown(runtime, NOBODY.pw_uid, NOBODY.pw_gid)
    victim = runtime / "victim"
    file = runtime / f"{NONCE}.json"
    if kind == "file":
        file.write_text("old")
    else:
        file.symlink_to(victim)
        if kind == "link":
            victim.write_text("old")

    assert "cannot be written" in submit(service, **told(runtime))["error"]
    assert victim.exists() == (kind == "link")
    assert not fake_slurm.calls("sbatch")


def own(path: Path) -> Path:
    """Let a path be nobody's."""
    os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid, follow_symlinks=False)
    return path


def printed(runtime: Path, text: bytes) -> Path:
    """A job of nobody's has printed this; its log."""
    runtime.mkdir()
    log = own(runtime) / f"{NONCE}.log"
    log.write_bytes(text)
    return own(log)


def log_end(path: Path, runtime: Path, nonce: str = NONCE) -> dict[str, Any]:
    """What the hub gets to read of a log."""
    return ask(path, action="log", runtime=str(runtime), nonce=nonce)


@as_root
def test_the_end_of_a_log_is_read_and_no_more(service: Path, runtime: Path) -> None:
    log = printed(runtime, b"first\n" * 2000 + b"last \xff \x1b[2J\n")
    before = log.stat()

    text = log_end(service, runtime)["text"]
    assert text.endswith("first\nlast \ufffd \x1b[2J\n")
    assert len(text) <= as_user.LOG_BYTES
    assert log.stat().st_mtime_ns == before.st_mtime_ns


@as_root
@pytest.mark.parametrize("kind", ["link", "link to another's", "pipe", "folder", "another's", "missing"])
def test_what_is_no_log_of_the_users_own_is_not_read(service: Path, runtime: Path, kind: str) -> None:
    log = printed(runtime, b"")
    log.unlink()
    if kind.startswith("link"):
        victim = runtime.parent / "victim"
        victim.write_text("of another" if "another" in kind else "own")
        log.symlink_to(victim if "another" in kind else own(victim))
    elif kind == "pipe":
        os.mkfifo(log)
        own(log)
    elif kind == "folder":
        log.mkdir()
        own(log)
    elif kind == "another's":
        log.write_text("of root")

    answer = log_end(service, runtime)
    assert set(answer) == {"error"}
    assert "The job's log" in answer["error"]


@as_root
def test_no_log_is_read_through_a_folder_that_is_a_link_or_anothers(service: Path, runtime: Path) -> None:
    printed(runtime, b"secret")
    link = runtime.parent / "link"
    link.symlink_to(runtime)
    assert "cannot be used" in log_end(service, link)["error"]
    os.chown(runtime, 0, 0)
    runtime.chmod(0o777)
    assert "belongs to someone else" in log_end(service, runtime)["error"]


@as_root
@pytest.mark.parametrize("name", ["../victim/x", "0123456789abcdef.json", "/etc/passwd", ".", ""])
def test_nothing_but_a_log_is_read(service: Path, runtime: Path, name: str) -> None:
    printed(runtime, b"")
    assert "shape" in log_end(service, runtime, name)["error"]


@as_root
async def test_the_hubs_client_speaks_to_the_service(own_service: Path) -> None:
    client = SocketLauncher(str(own_service))
    answers = await asyncio.gather(*(client.run("nobody", {"action": "submit", "script": SCRIPT}) for _ in range(40)))

    assert sorted(int(answer["job_id"]) for answer in answers) == list(range(1, 41))
    with pytest.raises(LauncherError, match="Choose from: submit, cancel, test, log"):
        await client.run("nobody", {"action": "shell"})


async def test_a_service_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LauncherError, match=r"launcher at .*gone.sock cannot be reached: .*Is it running\?"):
        await SocketLauncher(str(tmp_path / "gone.sock")).run("nobody", {"action": "test", "script": SCRIPT})


async def test_a_user_who_may_not_be_is_refused_before_anything_is_asked(tmp_path: Path, hostile: str) -> None:
    for client in (SocketLauncher(str(tmp_path / "gone.sock")), SudoLauncher(["/bin/false"], ["/bin/false"])):
        with pytest.raises(LauncherError, match="cannot be a Unix user"):
            await client.run(hostile, {"action": "test", "script": SCRIPT})
        with pytest.raises(LauncherError, match="is a system user"):
            await client.run("root", {"action": "test", "script": SCRIPT})


# -- the sudo path


def fake_sudo(folder: Path) -> Path:
    """A sudo that writes its arguments down and, where it is root, becomes the user."""
    path = folder / "sudo"
    path.write_text(
        f"#!{sys.executable} -IS\n"
        "import json, os, pwd, sys\n"
        f"open({str(folder / 'sudo.argv')!r}, 'w').write(json.dumps(sys.argv[1:]))\n"
        "entry = pwd.getpwnam(sys.argv[2])\n"
        "if os.geteuid() == 0:\n"
        "    os.setgroups([]); os.setresgid(*[entry.pw_gid] * 3); os.setresuid(*[entry.pw_uid] * 3)\n"
        "os.execve(sys.argv[3], sys.argv[3:], {})\n"
    )
    path.chmod(0o755)
    return path


@as_root
async def test_sudo_runs_the_very_same_program(open_folder: Path, fake_slurm: FakeSlurm, runtime: Path) -> None:
    command = [sys.executable, "-I", str(PROGRAM), "--commands", str(fake_slurm.bin)]
    client = SudoLauncher(command, [str(fake_sudo(open_folder)), "-nHu"])

    assert await client.run("nobody", {"action": "submit", "script": SCRIPT, **told(runtime)}) == {"job_id": "1"}
    argv = json.loads((open_folder / "sudo.argv").read_text())
    assert argv == ["-nHu", "nobody", *command]
    assert "t0ken" not in json.dumps(argv)
    assert fake_slurm.calls("sbatch")[0]["uid"] == NOBODY.pw_uid
    assert (runtime / f"{NONCE}.json").stat().st_uid == NOBODY.pw_uid


async def test_sudos_own_words_reach_the_caller(open_folder: Path) -> None:
    sudo = open_folder / "sudo"
    sudo.write_text("#!/bin/sh\ncat > /dev/null\necho 'sudo: a password is required' >&2\nexit 1\n")
    sudo.chmod(0o755)

    with pytest.raises(LauncherError, match=r"^sudo: a password is required$"):
        await SudoLauncher(["/bin/true"], [str(sudo)]).run("nobody", {"action": "test", "script": SCRIPT})


async def test_a_missing_sudo_is_named() -> None:
    with pytest.raises(LauncherError, match="could not be started"):
        await SudoLauncher(["/bin/true"], ["/no/sudo"]).run("nobody", {"action": "test", "script": SCRIPT})


# -- what is done once it is the user


GOOD: dict[str, object] = {"user": "nobody", "action": "submit", "script": SCRIPT}


@pytest.mark.parametrize(
    "change",
    [
        {"action": "shell"},
        {"action": ["submit"]},
        {"action": None},
        {"script": ""},
        {"script": "#!/bin/bash\n"},
        {"script": SCRIPT + "\0"},
        {"script": 1},
        {"uid": 0},
        {"argv": ["--uid=0"]},
        {"job_id": "1"},
        {"secrets": {"A": "b"}},
        {"secrets": {"A": "b"}, "runtime": "/run/x"},
        {"secrets": {"A": "b"}, "nonce": NONCE},
        {"secrets": {"A": 1}, "runtime": "/run/x", "nonce": NONCE},
        {"secrets": {"A=B": "1"}, "runtime": "/run/x", "nonce": NONCE},
        {"secrets": ["A"], "runtime": "/run/x", "nonce": NONCE},
        {"secrets": {}, "runtime": "run/x", "nonce": NONCE},
        {"secrets": {}, "runtime": "/run/../x", "nonce": NONCE},
        {"secrets": {}, "runtime": "/run/.", "nonce": NONCE},
        {"secrets": {}, "runtime": "/", "nonce": NONCE},
        {"secrets": {}, "runtime": "/run/x", "nonce": "../../x"},
        {"secrets": {}, "runtime": "/run/x", "nonce": "short"},
        {"action": "cancel"},
        {"action": "cancel", "job_id": "1"},
        {"action": "log", "runtime": "/run/x", "nonce": NONCE},
    ],
    ids=str,
)
def test_anything_unexpected_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(as_user.Refused):
        as_user.check(GOOD | change)


@pytest.mark.parametrize("job_id", ["", "-1", "--user=alice", "1 2", "1;id", "1\n", "all", "1_", "+1", "1.batch", 1])
def test_only_a_job_id_is_cancelled(job_id: object) -> None:
    with pytest.raises(as_user.Refused):
        as_user.check({"user": "nobody", "action": "cancel", "job_id": job_id})


@pytest.mark.parametrize("key", ["user", "script", "runtime", "nonce", "job_id"])
def test_nothing_hostile_has_the_right_shape(key: str, hostile: str) -> None:
    action: dict[str, object] = {"user": "nobody", "action": "cancel", "job_id": "1"} if key == "job_id" else GOOD
    place = {"runtime": "/run/x", "nonce": NONCE}

    with pytest.raises(as_user.Refused):
        as_user.check(action | place | {key: hostile})


def test_good_requests_pass() -> None:
    place = {"runtime": "/users/nobody/.onramp", "nonce": NONCE}

    assert as_user.check(GOOD | place | {"secrets": {"A_1": "b\n"}}) == (GOOD | place, {"A_1": "b\n"})
    assert as_user.check({"user": "nobody", "action": "cancel", "job_id": "12_3"})[1] == {}


async def test_a_process_does_nothing_for_somebody_else(fake_slurm: FakeSlurm) -> None:
    other = "daemon" if os.geteuid() == NOBODY.pw_uid else "nobody"

    with pytest.raises(LauncherError, match=f"it does nothing for {other}"):
        await SelfLauncher(str(fake_slurm.bin)).run(other, {"action": "test", "script": SCRIPT})


@pytest.mark.skipif(os.geteuid() >= as_user.LEAST_UID, reason="needs root or a system user, who is refused")
async def test_root_submits_nothing_even_for_itself(fake_slurm: FakeSlurm) -> None:
    name = pwd.getpwuid(os.geteuid()).pw_name

    with pytest.raises(LauncherError, match="never by root or a system user"):
        await SelfLauncher(str(fake_slurm.bin)).run(name, {"action": "submit", "script": SCRIPT})
    assert not fake_slurm.calls("sbatch")


@pytest.mark.skipif(os.geteuid() < as_user.LEAST_UID, reason="needs an ordinary user")
async def test_an_ordinary_user_submits_for_themselves(fake_slurm: FakeSlurm, open_folder: Path) -> None:
    name = pwd.getpwuid(os.geteuid()).pw_name
    client = SelfLauncher(str(fake_slurm.bin))
    before = os.umask(0o022)

    try:
        answer = await client.run(name, {"action": "submit", "script": SCRIPT, **told(open_folder / "run")})
    finally:
        after = os.umask(before)
    assert answer == {"job_id": "1"}
    assert after == 0o022
    assert fake_slurm.calls("sbatch")[0]["status"]["Umask"] == "0077"
    assert stat.S_IMODE((open_folder / "run" / f"{NONCE}.json").stat().st_mode) == 0o600


def test_the_program_needs_nothing_but_the_standard_library() -> None:
    program = f"import runpy, sys; runpy.run_path({str(PROGRAM)!r}); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-IS", "-c", program], capture_output=True, text=True, check=True).stdout

    assert not {"spawners", "pydantic", "yaml", "asyncio"} & set(modules.split())
