"""What a cluster's job runs on its node: look whether the cluster still lives, then become a Dask worker.

`python -I -m spawners.cluster_node tls://HOST:PORT OPTION...`, with the options of `dask worker`.
"""

import os
import socket
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

from spawners.node_job import NodeError, node_address

# Seconds for a scheduler to accept a connection. One that is busy does so too: the kernel answers for it.
ANSWER = 20.0


def worker_argv(argv: Sequence[str]) -> tuple[str, ...]:
    """Return the worker's own command line, bound to this node's address unless an interface is named."""
    place = () if "--interface" in argv else ("--host", node_address(os.environ))
    return (sys.executable, "-I", "-m", "distributed.cli.dask_worker", *argv, *place)


def check_alive(scheduler: str) -> None:
    """Raise NodeError where nobody listens any more: this job waited in the queue for longer than the cluster lived."""
    address = urlsplit(scheduler)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), timeout=ANSWER).close()
    except OSError as error:
        raise NodeError(f"the cluster's scheduler at {scheduler} does not answer: {error}. It was closed.") from error


def main(argv: Sequence[str] | None = None) -> int:
    """Become the worker; or exit with 1 and a sentence."""
    given = tuple(sys.argv[1:] if argv is None else argv)
    try:
        check_alive(given[0])
        os.execv(sys.executable, worker_argv(given))
    except (NodeError, OSError, ValueError, IndexError) as error:
        print(f"onramp: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
