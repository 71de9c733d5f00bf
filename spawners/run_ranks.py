"""The processes of a script on one node: torchrun's own agent starts them, and they meet those of the other nodes.

`python -I -m spawners.run_ranks FOLDER HOST:PORT [INTERFACE]`, once on every node.
"""

import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psutil
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from spawners import run_record as files
from spawners.node_job import node_address
from spawners.run_rank import note_failure
from spawners.run_record import Submitted

# Seconds in which every node has to come: Slurm starts the tasks of a step together.
MEET = 300


def address(interface: str | None, job: Mapping[str, str]) -> str:
    """This node's IPv4 address on the site's network for such work, or, where the node lacks that, under its name."""
    for one in psutil.net_if_addrs().get(interface or "", ()):
        if one.family == socket.AF_INET:
            return str(one.address)
    return node_address(job)


def variables(submitted: Submitted, interface: str | None) -> dict[str, str]:
    """What the processes find in their environment, as long as nobody has set it: threads and the network."""
    threads = max(1, submitted.resources.cpus_per_task // submitted.ranks_per_node)
    found = {"OMP_NUM_THREADS": str(threads)}
    if interface in psutil.net_if_addrs():
        found |= {"GLOO_SOCKET_IFNAME": str(interface), "NCCL_SOCKET_IFNAME": str(interface)}
    return {name: value for name, value in found.items() if name not in os.environ}


def launch(folder: Path, endpoint: str, interface: str | None) -> int:
    """Run this node's share to its end; return 0, or 1 where a process failed, which is then written down."""
    submitted = files.read_record(folder).submitted
    os.environ.update(variables(submitted, interface))
    with tempfile.TemporaryDirectory(prefix="onramp-ranks-") as private:
        config = LaunchConfig(
            min_nodes=submitted.resources.nodes,
            max_nodes=submitted.resources.nodes,
            nproc_per_node=submitted.ranks_per_node,
            run_id=folder.name,
            rdzv_backend="c10d",
            rdzv_endpoint=endpoint,
            # The store is the job's first process: each of the nodes is a guest.
            rdzv_configs={"is_host": False, "join_timeout": MEET, "timeout": MEET},
            max_restarts=0,
            monitor_interval=0.1,
            local_addr=address(interface, os.environ),
            logs_specs=DefaultLogsSpecs(log_dir=private),
        )
        os.chdir(submitted.cwd)
        try:
            elastic_launch(config, sys.executable)("-u", "-I", "-m", "spawners.run_rank", str(folder))
        except ChildFailedError as error:
            _note(folder, error)
            return 1
        except SignalException:
            return 128 + signal.SIGTERM
    return 0


def _note(folder: Path, error: ChildFailedError) -> None:
    """Write down what ended those that could not do so themselves."""
    for rank, failure in error.failures.items():
        if not (folder / f"rank-{rank}.json").exists() and failure.exitcode != -signal.SIGTERM:
            ended = failure.signal_name() if failure.exitcode < 0 else f"exit code {failure.exitcode}"
            note_failure(folder, rank, "Killed" if failure.exitcode < 0 else "Ended", f"Python was ended by {ended}")


def main(argv: list[str]) -> int:
    """Run it; torchrun's own report of a failure is left out, since ours names the first one of all nodes."""
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    return launch(Path(argv[0]), argv[1], argv[2] if len(argv) > 2 else None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
