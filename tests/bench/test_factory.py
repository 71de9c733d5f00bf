"""What the benches read from Slurm and from the machine."""

import socket

import pytest

from tests.bench.factory import client_rpcs, free_port

SDIAG = """\
Remote Procedure Call statistics by message type
\tREQUEST_PARTITION_INFO                  ( 2009) count:23     ave_time:157    total_time:3617
\tREQUEST_JOB_INFO                        ( 2003) count:12     ave_time:386    total_time:4634

Remote Procedure Call statistics by user
\tstudent1        (   50007) count:34     ave_time:247    total_time:8426
\tonramp-hub      (   50003) count:24     ave_time:264    total_time:6344
\troot            (       0) count:17     ave_time:407    total_time:6932
\tslurm           (   50001) count:4      ave_time:341    total_time:1366

Pending RPC statistics
\tNo pending RPCs
"""


def test_only_what_people_and_the_hub_asked_is_counted() -> None:
    assert client_rpcs(SDIAG) == 34 + 24


def test_a_slurmctld_nobody_asked_has_answered_nothing() -> None:
    assert client_rpcs("Remote Procedure Call statistics by user\n\nPending RPC statistics\n") == 0


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", (port, 0)) != port
        with pytest.raises(OSError, match=f"from {port} to {port} is taken"):
            free_port("127.0.0.1", (port,))
