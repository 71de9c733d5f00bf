"""`onramp bench kernels`: from wanting a GPU to what the first cell on it says, by a kernel and by a new server.

ours   a kernel "One GPU", a job of its own, in JupyterLab on a CPU node that runs already.
peer   a new server with a GPU by our hub, and a kernel in it: what one does where a GPU goes with the server.
Both in the same factory, with the same profile, through the hub's proxy.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

from tests.bench import interleave
from tests.bench.factory import REST, Factory
from tests.bench.goals import Goal
from tests.bench.hub import Hub
from tests.bench.interleave import Contender, Measures, Sample
from tests.bench.outcome import asked, conclude, show
from tests.kernel import Kernel

USER, PROFILE = "student1", "gpu-1"
GOALS = {"server_ratio": Goal(most=0.5)}


class Size(NamedTuple):
    """How often everything is measured."""

    rounds: int
    warm_up: int


FULL = Size(rounds=20, warm_up=1)
QUICK = Size(rounds=3, warm_up=0)


def main() -> None:
    """Measure, print the table, save the samples, and end with the line RESULT."""
    size = QUICK if asked("kernels").quick else FULL
    with Factory() as factory:
        factory.up()
        hub = factory.hub(USER)
        contenders = (
            Contender("ours", lambda: by_kernel(factory, hub)),
            Contender("peer", lambda: by_server(factory, hub)),
        )
        samples = interleave.interleave(contenders, size.rounds, warm_up=size.warm_up)
        slurm = factory.run("sbatch", "--version").split()[-1]
    report(samples, slurm)


def by_kernel(factory: Factory, hub: Hub) -> Measures:
    """Start a kernel with a GPU in a server without one; that server is there before."""
    hub.start(USER, {"profile": "cpu"})
    try:
        time.sleep(REST)
        before, begin = factory.rpcs(), time.monotonic()
        first_cell(hub, f"onramp-{PROFILE}")
        return {"seconds": time.monotonic() - begin, "rpcs": factory.rpcs() - before}
    finally:
        hub.stop(USER)
        factory.settle()


def by_server(factory: Factory, hub: Hub) -> Measures:
    """Start a server with a GPU, and its own kernel in it."""
    time.sleep(REST)
    before, begin = factory.rpcs(), time.monotonic()
    try:
        hub.start(USER, {"profile": PROFILE})
        first_cell(hub, "python3")
        return {"seconds": time.monotonic() - begin, "rpcs": factory.rpcs() - before}
    finally:
        hub.stop(USER)
        factory.settle()


def first_cell(hub: Hub, kernel: str) -> None:
    """Start a kernel and wait for what its first cell says; it has a GPU's number."""
    one = Kernel(f"{hub.url}/user/{USER}/", hub.token, kernel)
    one.connect()
    with closing(one):
        assert one.run("import os; os.environ['CUDA_VISIBLE_DEVICES']") in ("'0'", "'1'", "'2'", "'3'")


def report(samples: Sequence[Sample], slurm: str) -> None:
    """Print and save what was found."""
    results = {
        "server_ratio": interleave.ratio(samples, "seconds"),
        "median_s": interleave.median(samples, "ours", "seconds"),
        "server_s": interleave.median(samples, "peer", "seconds"),
        "rpcs": interleave.median(samples, "ours", "rpcs"),
        "rpcs_server": interleave.median(samples, "peer", "rpcs"),
    }
    show(samples, "seconds", "rpcs")
    conclude("kernels", GOALS, samples, results, {"slurm": slurm})


if __name__ == "__main__":
    main()
