"""A Dask cluster as jobs: a real scheduler, real workers and a real guard; Slurm is played by small programs."""

import asyncio
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from distributed import Client
from distributed.security import Security

from spawners import cluster_guard, cluster_node, node_work
from spawners.cluster import ClusterError, check_budget, dask_cluster, open_cluster
from spawners.cluster_dask import Cluster
from spawners.cluster_plan import ClusterPlan, Pool, lifetime
from spawners.request import RequestError, parse_request, resolve
from spawners.scheduler import SchedulerError
from spawners.site import SITES, load_site
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.hub_config.running_hub import wait
from tests.spawners.a_cluster import (  # noqa: F401 - some are fixtures
    ME,
    REFUSED,
    ROOT,
    cluster,
    door,
    make_plan,
    plan,
    running,
    states,
)


def test_two_workers_calculate_and_nothing_is_left(cluster: Cluster, plan: ClusterPlan, fake_slurm: FakeSlurm) -> None:
    with running(fake_slurm) as jobs, Client(cluster) as client:
        client.wait_for_workers(2, timeout=60)
        assert client.submit(sum, [1, 2]).result(timeout=30) == 3
        assert {worker["name"] for worker in client.scheduler_info()["workers"].values()} == {
            f"{plan.name}-0",
            f"{plan.name}-1",
        }
        assert "Job 1: It runs on cpu1." in cluster.explain()
        cluster.close()
        assert [job.wait(timeout=30) for job in jobs] == [0, 0]
    assert states(fake_slurm) == ["CANCELLED", "CANCELLED"]
    assert not plan.folder.exists()


def test_the_credentials_are_the_users_alone(cluster: Cluster, plan: ClusterPlan, fake_slurm: FakeSlurm) -> None:
    for folder in (plan.runtime, plan.folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in plan.folder.iterdir()} == {"address", "ca-file.pem", "cert.pem", "key.pem"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in plan.folder.iterdir()} == {0o600}
    assert not list(Path.cwd().glob(".dask*"))
    for call in fake_slurm.calls("sbatch"):
        assert "PRIVATE KEY" not in call["stdin"]
        assert str(plan.folder / "key.pem") in call["stdin"]


def test_a_stranger_is_not_let_in(cluster: Cluster) -> None:
    assert cluster.scheduler_address.startswith("tls://127.0.0.1:")
    with pytest.raises(OSError, match="TLS certificate does not match"):
        Client(cluster.scheduler_address, security=Security.temporary(), timeout=2)
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    address = urlsplit(cluster.scheduler_address)
    with (
        socket.create_connection((address.hostname, address.port), 10) as plain,
        careless.wrap_socket(plain) as tls,
        pytest.raises(ssl.SSLError, match="certificate required"),
    ):
        tls.recv(1)


def found(url: str) -> bool:
    """Whether there is a page."""
    try:
        urllib.request.urlopen(url).close()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code != 404
    return True


def test_the_dashboard_is_shown_to_who_knows_its_address(cluster: Cluster) -> None:
    base, secret, page = cluster.dashboard_link.rsplit("/", 2)
    assert base.startswith("http://127.0.0.1:")
    assert len(secret) >= 20
    assert found(f"{base}/{secret}/{page}")
    for path in ("status", "health", f"{secret}/proxy/1/localhost/", "metrics", f"{secret}/metrics"):
        assert not found(f"{base}/{path}")


def test_in_a_server_the_dashboard_is_behind_its_proxy(
    plan: ClusterPlan, door: Callable[[], Slurm], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path in the browser is the path that Dask sees, so that the links in its pages lead somewhere."""
    monkeypatch.setenv("SLURMD_NODENAME", "localhost")
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/student1/")
    cluster = open_cluster(plan, {"cpu": 1}, door)
    try:
        link = re.fullmatch(r"/user/student1/proxy/absolute/(\d+)/[\w-]{20,}/status", cluster.dashboard_link)
        assert link
        assert found(f"http://127.0.0.1:{link.group(1)}{link.group()}")
    finally:
        cluster.close()


@pytest.mark.filterwarnings("ignore:.*unclosed <socket")  # Dask leaves the one that could not be bound
def test_a_taken_port_costs_the_dashboard_and_nothing_else(
    plan: ClusterPlan, door: Callable[[], Slurm], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURMD_NODENAME", "localhost")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setattr("spawners.cluster_pages.free_port", lambda _address: other.getsockname()[1])
        with pytest.warns(UserWarning, match="already in use"):
            cluster = open_cluster(plan, {"cpu": 1}, door)
    assert cluster.dashboard_link == ""
    cluster.close()


def test_a_refusal_is_an_exception_at_once(
    plan: ClusterPlan, door: Callable[[], Slurm], fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURMD_NODENAME", "localhost")
    fake_slurm.answer("sbatch", err=REFUSED, code=1)
    with pytest.raises(ClusterError, match="AssocMaxSubmitJobLimit sbatch: error: Batch job submission failed"):
        open_cluster(plan, {"cpu": 2}, door)
    assert not plan.folder.exists()


def test_a_larger_cluster_that_is_refused_stays_as_it_was(cluster: Cluster, fake_slurm: FakeSlurm) -> None:
    fake_slurm.answer("sbatch", err=REFUSED, code=1)
    with pytest.raises(ClusterError, match="AssocMaxSubmitJobLimit"):
        cluster.scale(jobs=3)
    assert len(cluster.plan) == 2
    with pytest.raises(ClusterError, match="0 to 100 jobs"):
        cluster.scale(1000)
    fake_slurm.heal("sbatch")
    for size in ({"cores": 101}, {"memory": "1 TB"}, {"n": 1.5}, {"n": "3"}):
        with pytest.raises(ClusterError, match="0 to 100 jobs"):
            cluster.scale(**size)
    cluster.scale(3)
    assert states(fake_slurm) == ["PENDING"] * 3
    cluster.scale(memory="7 GiB")
    assert states(fake_slurm) == ["PENDING"] * 4
    cluster.scale(cores=1)
    cluster.close()
    assert states(fake_slurm) == ["CANCELLED"] * 4


def test_a_refusal_of_what_dask_asked_for_by_itself_is_told_to_who_waits(
    cluster: Cluster, fake_slurm: FakeSlurm
) -> None:
    """An adaptive cluster grows while nobody looks."""
    fake_slurm.answer("sbatch", err=REFUSED, code=1)
    cluster.adapt(minimum=3, maximum=3, interval="100ms")
    with pytest.raises(ClusterError, match="AssocMaxSubmitJobLimit"):
        cluster.wait_for_workers(3, timeout=30)
    assert states(fake_slurm) == ["PENDING"] * 2


def test_a_job_that_ends_too_early_is_an_exception(cluster: Cluster, fake_slurm: FakeSlurm) -> None:
    fake_slurm.change("2", state="TIMEOUT")
    with pytest.raises(ClusterError, match=r"(?s)Job 2 of a worker has ended\. Its time was up.*-2\.log"):
        cluster.wait_for_workers(2, timeout=30)


def test_waiting_in_vain_is_explained(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match=r"(?s)0 of 2 workers.*Job 1: Other jobs are ahead.*Job 2: Other jobs"):
        cluster.wait_for_workers(2, timeout=1)


def test_closing_while_slurm_does_not_answer_leaves_it_to_the_guard(
    cluster: Cluster, plan: ClusterPlan, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spawners.cluster_dask.CLOSING", 0.1)
    fake_slurm.answer("scancel", err="scancel: error: Unable to contact slurm controller", code=1)
    fake_slurm.answer("squeue", err="squeue: error: Unable to contact slurm controller", code=1)
    with pytest.warns(UserWarning, match=r"have ended: 1, 2\. A process of yours"):
        cluster.close()
    for name in ("1", "2"):
        fake_slurm.change(name, state="CANCELLED")
    fake_slurm.heal("squeue")
    assert cluster._guard.release(60)
    assert not plan.folder.exists()


async def test_the_guard_ends_what_a_dead_kernel_left(
    plan: ClusterPlan, door: Callable[[], Slurm], fake_slurm: FakeSlurm
) -> None:
    slurm = door()
    ours = await slurm.submit(ME, plan.script(plan.pools[0], "tls://127.0.0.1:1", "w", {}))
    other = await slurm.submit(
        ME, ClusterPlan(ME, plan.site, plan.pools).script(plan.pools[0], "tls://127.0.0.1:1", "w", {})
    )
    assert await cluster_guard.end_jobs(slurm, ME, plan.comment, late=1)
    assert fake_slurm.job(ours)["state"] == "CANCELLED"
    assert fake_slurm.job(other)["state"] == "PENDING"


async def test_the_guard_tries_again_and_gives_up_at_last(
    plan: ClusterPlan, door: Callable[[], Slurm], fake_slurm: FakeSlurm
) -> None:
    slurm = door()
    job_id = await slurm.submit(ME, plan.script(plan.pools[0], "tls://127.0.0.1:1", "w", {}))
    fake_slurm.answer("scancel", err="scancel: error: Unable to contact slurm controller", code=1)
    assert not await cluster_guard.end_jobs(slurm, ME, plan.comment, late=0, give_up=1)
    fake_slurm.heal("scancel")
    assert await cluster_guard.end_jobs(slurm, ME, plan.comment, late=0)
    assert fake_slurm.job(job_id)["state"] == "CANCELLED"


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line for line in status.splitlines() if line.startswith("SigCgt:")).split()[1]
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.mark.parametrize("dies", ["kernel", "server"])
def test_the_guard_outlives_its_kernel_and_cleans_up(dies: str, plan: ClusterPlan, fake_slurm: FakeSlurm) -> None:
    """The kernel, here a `sleep` that holds the pipe, is killed; or Slurm ends the server and tells the guard so."""
    plan.runtime.mkdir(mode=0o700)
    plan.folder.mkdir(mode=0o700)
    words = (sys.executable, "-m", "spawners.cluster_guard", ME, plan.comment, str(plan.folder), plan.commands)
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, stdin=subprocess.PIPE, env=environment) as guard:
        assert guard.stdin
        with subprocess.Popen(("sleep", "600"), pass_fds=[guard.stdin.fileno()]) as kernel:
            if dies == "kernel":
                guard.stdin.close()
                kernel.kill()
            else:
                while not catches(guard.pid, signal.SIGTERM):
                    time.sleep(0.05)
                guard.terminate()
            assert guard.wait(60) == 0
            kernel.kill()
    assert not plan.folder.exists()
    assert fake_slurm.calls("squeue")


def test_a_job_that_waited_too_long_ends_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"tls://127.0.0.1:{nobody.getsockname()[1]}"
        assert cluster_node.main([address, "--name", "w"]) == 1
    assert "It was closed." in capsys.readouterr().err


def test_a_worker_listens_on_its_nodes_address_or_on_the_sites_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURMD_NODENAME", "localhost")
    assert cluster_node.worker_argv(["tls://h:1"])[-2:] == ("--host", "127.0.0.1")
    assert "--host" not in cluster_node.worker_argv(["tls://h:1", "--interface", "ib0"])


def test_the_script_says_what_a_worker_gets(make_plan: Callable[..., ClusterPlan]) -> None:
    plan = make_plan(profile="gpu-4", cpus_per_task=8, time=30, account="onboarding")
    script = plan.script(plan.pools[0], "tls://127.0.0.1:1", "w-0", {"key": "/k"})
    lines = script.text.splitlines()
    assert f"#SBATCH --comment=onramp:cluster:{ME}:none:{plan.nonce}" in lines
    assert {"#SBATCH --gres=gpu:4", "#SBATCH --account=onboarding", "#SBATCH --time=30"} <= set(lines)
    words = lines[-1].split()
    for option, value in {
        "nthreads": "8",
        "memory-limit": "10800MiB",
        "lifetime": "1620s",
        "lifetime-stagger": "60s",
        "resources": "GPU=4",
        "tls-key": "/k",
    }.items():
        assert words[words.index(f"--{option}") + 1] == value


def test_workers_spill_to_a_disk_where_tmp_is_memory() -> None:
    leonardo = load_site("leonardo")
    paths = leonardo.paths.model_copy(update={"tmp_in_memory": False})

    for site, spill in (
        (leonardo, [f"--local-directory /leonardo_scratch/large/userexternal/{ME} "]),
        (leonardo.model_copy(update={"paths": paths}), []),
    ):
        request = parse_request({"profile": "gpu-4", "account": "onboarding"}, site, purpose="cluster")
        pool = Pool("gpu-4", resolve(request, site))
        script = ClusterPlan(ME, site, (pool,)).script(pool, "tls://127.0.0.1:1", "w-0", {})
        assert re.findall(r"--local-directory \S+ ", script.text) == spill


@pytest.mark.parametrize(("minutes", "seconds"), [(1, 30), (4, 120), (240, 14280)])
def test_a_worker_leaves_before_its_job_is_ended(minutes: int, seconds: int) -> None:
    assert lifetime(minutes) == seconds


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"profile": "gpuu"}, "'gpuu'. Choose from: cpu, gpu-1, gpu-4, gpu-8."),
        ({"profile": "gpu-8"}, "take one node each, and this asks for 2. .* cpu, gpu-1, gpu-4"),
        ({"nodes": 2}, "take one node each"),
        ({"memory": "4GB"}, "Unknown option 'memory'"),
        ({"time": 10_000}, "'time' is 10000, but profile 'cpu' allows 1 to 480"),
        ({"jobs": 0}, "1 to 100 jobs, given as a whole number; 0 was"),
        ({"jobs": -1}, "-1 was"),
        ({"jobs": 101}, "101 was"),
        ({"jobs": True}, "True was"),
        ({"jobs": "two"}, "'two' was"),
        ({"jobs": 1.5}, "1.5 was"),
    ],
)
def test_what_cannot_be_had_is_a_sentence(
    asked: dict[str, Any], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONRAMP_SITE", "local")
    with pytest.raises((ClusterError, RequestError), match=f"(?s){sentence}"):
        dask_cluster(**asked)


def test_a_cluster_that_would_spill_where_no_node_writes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = 'login_only: [/staging], scratch: "/staging/{user}", tmp_in_memory: true, home: "/home/{user}", '
    text = (SITES / "local.yaml").read_text().replace('home: "/home/{user}", ', paths)
    (tmp_path / "site.yaml").write_text(text)
    monkeypatch.setenv("ONRAMP_SITE", str(tmp_path / "site.yaml"))

    with pytest.raises(RequestError, match=f"Compute nodes do not see /staging/{ME}: /staging is there on login nodes"):
        dask_cluster("cpu")


def test_hostile_options_go_nowhere(hostile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONRAMP_SITE", "local")
    for option in ("account", "qos", "reservation"):
        with pytest.raises(RequestError):
            dask_cluster("cpu", **{option: hostile})  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "sentence"), [(None, "server that was started from the hub"), ("mars", "no site")])
def test_outside_a_server_it_says_where_to_go(name: str | None, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONRAMP_SITE", raising=False)
    if name:
        monkeypatch.setenv("ONRAMP_SITE", name)
    with pytest.raises(ClusterError, match=sentence):
        dask_cluster("cpu")


class TestBudget:
    """GPU minutes that cannot suffice are said at once; who cannot be asked is not asked."""

    async def test_too_few_minutes_are_a_sentence(
        self, make_plan: Callable[..., ClusterPlan], door: Callable[[], Slurm], fake_slurm: FakeSlurm
    ) -> None:
        fake_slurm.answer("sshare", out="onboarding||gres/gpu=100|cpu=5,gres/gpu=40\n")
        plan = make_plan(profile="gpu-1", account="onboarding", time=60)
        await check_budget(plan, {"gpu-1": 1}, door())
        with pytest.raises(ClusterError, match="120 GPU minutes, and the account 'onboarding' has 60 left"):
            await check_budget(plan, {"gpu-1": 2}, door())

    @pytest.mark.parametrize("account", [None, "onboarding"])
    async def test_slurm_decides_where_it_does_not_say(
        self,
        account: str | None,
        make_plan: Callable[..., ClusterPlan],
        door: Callable[[], Slurm],
        fake_slurm: FakeSlurm,
    ) -> None:
        fake_slurm.answer("sshare", err="sshare: error", code=1)
        await check_budget(make_plan(profile="gpu-4", account=account), {"gpu-4": 100}, door())


def test_a_runtime_directory_of_somebody_else_is_not_used(plan: ClusterPlan, door: Callable[[], Slurm]) -> None:
    elsewhere = plan.runtime.with_name("elsewhere")
    elsewhere.mkdir()
    plan.runtime.symlink_to(elsewhere)
    with pytest.raises(ClusterError, match="belongs to someone else"):
        open_cluster(plan, {"cpu": 1}, door)
    plan.runtime.unlink()
    plan.runtime.write_text("")
    with pytest.raises(ClusterError, match="cannot be stored"):
        open_cluster(plan, {"cpu": 1}, door)


def test_a_node_without_the_sites_interface_is_a_sentence(plan: ClusterPlan, door: Callable[[], Slurm]) -> None:
    site = plan.site.model_copy(update={"interface": "ib77"})
    other = ClusterPlan(plan.user, site, plan.pools, commands=plan.commands)
    with pytest.raises(ClusterError, match=r"scheduler could not be started on this node.*ib77"):
        open_cluster(other, {"cpu": 1}, door)
    assert not other.folder.exists()


def test_the_scheduler_refuses_what_it_did_not_say(door: Callable[[], Slurm], plan: ClusterPlan) -> None:
    with pytest.raises(SchedulerError):
        asyncio.run(Slurm(bin="/nonexistent").submit(ME, plan.script(plan.pools[0], "tls://127.0.0.1:1", "w", {})))


def test_a_server_whose_cluster_has_tasks_is_not_idle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Also while the cluster's jobs are in the queue, and the notebook's kernel waits for its next cell."""
    monkeypatch.setattr(node_work, "NOTE", 0.1)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    note = tmp_path / "onramp-works"
    cluster = request.getfixturevalue("cluster")
    with Client(cluster) as client:
        assert not note.exists()
        future = client.submit(sum, [1, 2])
        wait(note.exists, lambda: "no note")
        assert node_work.noted(os.environ, time.time())
        future.cancel()
        wait(lambda: not cluster.scheduler.tasks, lambda: "still a task")
    note.unlink()
    cluster._note_work()
    assert not note.exists()
