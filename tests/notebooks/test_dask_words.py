"""What is said of a cluster's workers: what they have, what each does, and what happened."""

from datetime import UTC, datetime, timedelta

from notebooks.dask_words import gets, happened, power, spelled, table
from spawners.cluster_watch import WorkerJob
from spawners.reasons import explain
from spawners.scheduler import JobState


def test_each_worker_has_its_state_and_its_time() -> None:
    now = datetime.now(UTC)
    job = JobState(
        job_id="7", user="me", name="w", comment="", state="RUNNING", node="cpu1", end=now + timedelta(hours=1)
    )
    waits = job.model_copy(update={"job_id": "8", "state": "PENDING", "reason": "QOSMaxGRESPerUser", "end": None})
    shown = table(
        [WorkerJob("a", "cpu", 60, "7", job, came=True), WorkerJob("b", "<gpu>", 60, "8", waits, came=False)], explain
    )
    assert "It runs on cpu1." in shown
    assert "59 minutes left" in shown
    assert "&lt;gpu&gt;" in shown
    assert explain(waits) in shown.replace("&#x27;", "'")
    assert "No jobs." in table([], explain)


def test_what_workers_have_together() -> None:
    assert power([]) == "None is there yet."
    one = {"nthreads": 2, "memory_limit": 2 << 30, "resources": {"GPU": 1.0}}
    assert power([one, {**one, "resources": {}}]) == "Together: 4 CPUs, 4 GiB of memory, 1 GPU."
    assert gets(1, 512, 0) == "1 CPU, 512 MiB of memory"
    assert spelled({"cpu": 2, "gpu-1": 0}) == "2 × cpu, 0 × gpu-1"


def test_what_happened_is_words() -> None:
    assert happened([]) == ""
    assert "<li>&lt;b&gt; ended</li>" in happened(["<b> ended"])
