"""What a kernel's job does on its node: real processes, real kernels; the test is their server."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import zmq

from spawners import kernel_keeper, node_work
from spawners.kernel_keeper import keep
from spawners.kernel_line import Call, Line, call
from spawners.kernel_listener import Listener
from spawners.kernel_process import PORTS, KernelProcess
from tests.spawners.a_kernel import ROOT

Job = subprocess.Popen[str]


class Server:
    """The other end: writes a letter, takes the call, says what is to be done."""

    def __init__(self, folder: Path) -> None:
        self.letter = folder / "letter.json"
        self._listener = Listener()
        public, secret = (key.decode() for key in zmq.curve_keypair())
        connection = {"transport": "tcp", "signature_scheme": "hmac-sha256", "key": "k"}
        connection |= {"curve_publickey": public, "curve_secretkey": secret}
        self.kernel = {"cwd": "/nowhere", "connection": connection}
        self.line: Line
        self.connection: dict[str, Any]
        self._heard: Any = None

    async def write(self, mode: int = 0o600) -> Call:
        """Write the letter."""
        told = await self._listener.open("127.0.0.1")
        self.letter.touch(mode)
        self.letter.chmod(mode)
        values = {key: str(value) for key, value in asdict(told).items()}
        self.letter.write_text(json.dumps(values | {"ONRAMP_SITE": "local", "kernel": json.dumps(self.kernel)}))
        return told

    def job(self) -> Job:
        """Start the job."""
        argv = (sys.executable, "-sP", "-m", "spawners.kernel_node", str(self.letter))
        env = {**os.environ, "PYTHONPATH": str(ROOT), "SLURM_JOB_ID": "7", "HOME": str(self.letter.parent)}
        return subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, text=True)

    async def called(self) -> dict[str, Any]:
        """Take the call; where the first kernel is reached."""
        self.line = await self._listener.called
        self._heard = aiter(self.line)
        return await self.word("started")

    async def start(self, number: int) -> dict[str, Any]:
        """Have another kernel started; where it is reached."""
        self.line.send({"start": {"number": number, **self.kernel}})
        return await self.word("started")

    async def word(self, kind: str) -> dict[str, Any]:
        """The next word of a kind."""
        while True:
            message: dict[str, Any] = await anext(self._heard)
            if kind in message:
                return message

    def close(self) -> None:
        """Hang up."""
        self._listener.close()
        if self._heard is not None:
            self.line.close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server that waits for its job."""
    one = Server(tmp_path)
    yield one
    one.close()


@pytest.fixture
async def job(server: Server) -> AsyncIterator[Job]:
    """Its job, in which the first kernel runs."""
    await server.write()
    one = server.job()
    server.connection = (await server.called())["connection"]
    yield one
    if one.poll() is None:
        one.terminate()
        await ended(one)


def kernels(job: Job) -> list[int]:
    """The processes that a job has started."""
    return [int(pid) for pid in Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def ended(job: Job) -> int:
    """Wait for the end of a job; its exit code."""
    code = await asyncio.to_thread(job.wait, 30)
    assert job.stderr
    job.stderr.close()
    return code


async def test_it_tells_where_the_kernel_is_and_ends_with_the_server(server: Server, job: Job) -> None:
    assert server.connection["ip"] == "127.0.0.1"
    assert len({server.connection[name] for name in PORTS}) == 5
    assert not server.letter.exists()
    (pid,) = kernels(job)
    server.close()
    assert await ended(job) == 0
    assert not alive(pid)


async def test_it_starts_another_in_place_of_one_and_tells_the_end_of_each(server: Server, job: Job) -> None:
    (first,) = kernels(job)
    server.line.send({"signal": int(signal.SIGKILL)})
    assert await server.word("exited") == {"exited": 1, "code": -9}
    await server.start(2)
    (second,) = kernels(job)
    await server.start(3)
    assert not alive(first)
    assert not alive(second)
    assert len([pid for pid in kernels(job) if alive(pid)]) == 1
    server.close()
    assert await ended(job) == 0


async def test_slurms_word_that_the_job_ends_ends_the_kernel(server: Server, job: Job) -> None:
    (pid,) = kernels(job)
    job.terminate()
    assert await ended(job) == 0
    assert not alive(pid)


async def test_a_kernel_that_slurms_word_reaches_first_is_not_said_to_have_ended(server: Server, job: Job) -> None:
    """Jupyter would start another one, and its cell would never be told what became of the job."""
    (pid,) = kernels(job)
    os.kill(pid, signal.SIGTERM)
    await asyncio.sleep(0.3)
    job.terminate()
    with pytest.raises(StopAsyncIteration):
        await server.word("exited")
    assert await ended(job) == 0


async def test_a_kernel_that_dies_alone_is_said_to_have_ended(server: Server, job: Job) -> None:
    (pid,) = kernels(job)
    os.kill(pid, signal.SIGKILL)
    assert await server.word("exited") == {"exited": 1, "code": -9}
    server.close()
    assert await ended(job) == 0


async def test_it_tells_what_computes(server: Server, job: Job) -> None:
    server.line.send({"look": 0.1})
    while (await server.word("busy"))["busy"]:
        pass
    (pid,) = kernels(job)
    environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    (folder,) = [value for name, _, value in (one.partition(b"=") for one in environ) if name == b"JUPYTER_RUNTIME_DIR"]
    node_work.note({"JUPYTER_RUNTIME_DIR": folder.decode()})
    while (await server.word("busy"))["busy"] != ["a Dask cluster"]:
        pass
    server.close()
    await ended(job)
    assert not os.path.exists(folder)


async def test_a_node_without_a_kernel_is_given_back(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jupyter forgets a kernel that it could not restart, and nobody else would end its job."""
    monkeypatch.setattr(kernel_keeper, "NO_KERNEL", 0.1)
    environ = {**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    kernel = KernelProcess(1, "127.0.0.1", server.kernel, environ)
    keeping = asyncio.create_task(keep(await server.write(), kernel, environ))
    await server.called()
    server.line.send({"signal": int(signal.SIGKILL)})
    await keeping


@pytest.mark.parametrize("mode", [0o644, 0o660])
async def test_a_letter_that_others_may_read_is_not_believed(server: Server, mode: int) -> None:
    await server.write(mode)
    job = server.job()
    _, said = await asyncio.to_thread(job.communicate)
    assert job.returncode == 1
    assert "is not a private file of this user" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"ONRAMP_SITE": "local", "host": "127.0.0.1", "port": "x"}',
        '{"ONRAMP_SITE": "local", "host": "127.0.0.1", "port": "1", "token": "", "certificate": "", "kernel": "{}"}',
        "\udcff",
    ],
)
async def test_a_letter_that_is_none(server: Server, text: str) -> None:
    server.letter.touch(0o600)
    server.letter.write_bytes(text.encode(errors="surrogateescape"))
    job = server.job()
    _, said = await asyncio.to_thread(job.communicate)
    assert (job.returncode, "Traceback" in said) == (1, False)


async def test_a_job_that_ends_before_it_has_called_leaves_no_kernel(server: Server) -> None:
    await server.write()
    job = server.job()
    while not kernels(job):  # meanwhile nobody answers its call
        time.sleep(0.001)
    (pid,) = kernels(job)
    job.terminate()
    assert await ended(job) == 0
    assert not alive(pid)


async def test_a_server_that_is_gone(server: Server) -> None:
    told = await server.write()
    server.close()
    with pytest.raises(OSError, match="Connect"):
        await call(told)
    job = server.job()
    _, said = await asyncio.to_thread(job.communicate)
    assert job.returncode == 1
    assert "the server that wanted this kernel is not there" in said
    assert "Traceback" not in said
