"""Ports for what a test starts."""

import os
import socket


def free_port() -> int:
    """Return a TCP port nobody listens on; below the range from which the kernel takes ports for connections.

    Each process begins at its own, so that two runs of the tests that start at once do not meet.
    """
    for port in (8300 + (os.getpid() + step) % 1000 for step in range(1000)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise OSError("ports 8300 to 9299 are all taken")
