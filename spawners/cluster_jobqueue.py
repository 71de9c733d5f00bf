"""dask_jobqueue, imported without what that does to a process: it would make an interrupted cell end the kernel.

It takes the signals for itself, which only the main thread may do. So whoever needs a cluster in another thread
imports this before.
"""

import signal

_HANDLERS = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

from dask_jobqueue.slurm import SLURMCluster, SLURMJob  # noqa: E402

for _number, _handler in _HANDLERS.items():
    signal.signal(_number, _handler)

__all__ = ["SLURMCluster", "SLURMJob"]
