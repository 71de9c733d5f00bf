"""`onramp bench dask`: until four workers are ready, beside stock dask-jobqueue; and what is left where something dies.

ours      `onramp.dask_cluster("cpu", jobs=4)`: encrypted, with a guard.
peer      dask-jobqueue's own `SLURMCluster`, as its documentation has it: not encrypted, without a guard.
Both from a new Python, by the same person in the same factory; each worker has the same CPUs, memory and time.
orphans   jobs that are left a minute after one of five things is killed beneath a cluster, part of which still queues
          (cluster_kills.py); what their owner may still have, the server for example, is none.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial

from tests.bench import interleave
from tests.bench.cluster_kills import KILLS, killed
from tests.bench.factory import REST, Factory
from tests.bench.goals import Goal
from tests.bench.interleave import Contender, Measures, Sample
from tests.bench.outcome import asked, conclude, show

USER, WORKERS = "student1", 4
GOALS = {"stock_ratio": Goal(most=1.1), "orphans": Goal(most=0)}
# How often the two start, and how often each is killed.
FULL, QUICK = (20, 4), (3, 1)
_TIMED = """
import time
begin = time.monotonic()
{start}
cluster.wait_for_workers({workers}, timeout=60)
seconds = time.monotonic() - begin
assert cluster.scheduler_address.startswith({protocol!r}), cluster.scheduler_address
cluster.close()
print("RESULT", seconds)
"""
_OURS = """import onramp
cluster = onramp.dask_cluster("cpu", jobs={workers}, cpus_per_task=1, mem=1000, time=20)"""
_STOCK = """from dask_jobqueue import SLURMCluster
cluster = SLURMCluster(
    queue="cpu", cores=1, memory="1000MiB", job_mem="1000M", walltime="00:20:00", log_directory="/tmp",
    local_directory="/tmp", scheduler_options={{"host": "127.0.0.1"}},
)
cluster.scale(jobs={workers})"""


def main() -> None:
    """Measure, print the tables, save the samples, and end with the line RESULT."""
    rounds, kills = QUICK if asked("dask").quick else FULL
    with Factory() as factory:
        factory.up()
        interleave.say(f"{WORKERS} workers:")
        starts = interleave.interleave(
            (
                Contender("ours", lambda: started(factory, _OURS, "tls://")),
                Contender("peer", lambda: started(factory, _STOCK, "tcp://")),
            ),
            rounds,
            warm_up=1,
        )
        interleave.say("Killed, and what is left a minute later:")
        hub = factory.hub(USER)
        ends = interleave.interleave(
            [Contender(name, partial(killed, factory, hub, USER, kill)) for name, kill in KILLS.items()], kills
        )
        slurm = factory.run("sbatch", "--version").split()[-1]
    report(starts, ends, slurm)


def started(factory: Factory, start: str, protocol: str) -> Measures:
    """Start a cluster in a new Python and close it; seconds until its workers are ready, as said there."""
    time.sleep(REST)
    code = _TIMED.format(start=start.format(workers=WORKERS), workers=WORKERS, protocol=protocol)
    seconds = float(factory.python(code, user=USER))
    factory.settle()
    return {"seconds": seconds}


def report(starts: Sequence[Sample], ends: Sequence[Sample], slurm: str) -> None:
    """Print and save what was found."""
    results: Mapping[str, float] = {
        "stock_ratio": interleave.ratio(starts, "seconds"),
        "orphans": sum(sample.measures["orphans"] for sample in ends),
        "median_s": interleave.median(starts, "ours", "seconds"),
        "peer_s": interleave.median(starts, "peer", "seconds"),
        "kills": len(ends),
        "gone_s": max(sample.measures["gone"] for sample in ends),
    }
    show(starts, "seconds")
    show(ends, "orphans", "gone")
    conclude("dask", GOALS, [*starts, *ends], results, {"slurm": slurm})


if __name__ == "__main__":
    main()
