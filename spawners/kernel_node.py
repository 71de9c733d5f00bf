"""What a kernel's job runs on its node: it starts the kernel, and while that loads it calls the server.

`python -I -m spawners.kernel_node LETTER`. A cell waits for this, so what the call needs is loaded after the kernel
was started: its own loading takes the longest of all.
"""

import argparse
import json
import os
import pwd
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from spawners.kernel_process import KernelProcess, address_towards
from spawners.node_job import NodeError, clean_environment, take_secrets


def main(argv: Sequence[str] | None = None) -> int:
    """Run a kernel's job; exit with 0, or with 1 and a sentence where the server is not there."""
    parser = argparse.ArgumentParser(prog="spawners.kernel_node", description=__doc__)
    parser.add_argument("letter", type=Path, help="the launcher's 0600 file; it is read once and deleted")
    given = parser.parse_args(argv)
    try:
        letter = take_secrets(given.letter)
        environ = clean_environment(os.environ, pwd.getpwuid(os.getuid())) | {"ONRAMP_SITE": letter["ONRAMP_SITE"]}
        with tempfile.TemporaryDirectory(prefix="onramp-kernel-") as folder:  # 0700, on this node
            run(letter, environ | {"JUPYTER_RUNTIME_DIR": folder})
        return 0
    except (NodeError, OSError) as error:
        print(f"onramp: {error}", file=sys.stderr)
    except (ValueError, KeyError, TypeError) as error:
        print(f"onramp: {given.letter} is no letter for a kernel: {error}", file=sys.stderr)
    return 1


def run(letter: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """Start the first kernel, and keep it for the server until that is gone."""
    host, port = letter["host"], int(letter["port"])
    token, certificate, first = letter["token"], letter["certificate"], json.loads(letter["kernel"])
    # The job may end before anybody keeps the kernel, and while that is being started nothing may break off.
    ends: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ends.append(number))
    kernel = KernelProcess(1, address_towards(host, port), first, environ)
    try:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        if ends:
            return
        import asyncio

        from spawners.kernel_keeper import keep
        from spawners.kernel_line import Call

        asyncio.run(keep(Call(host, port, token, certificate), kernel, environ))
    finally:
        kernel.signal(signal.SIGKILL)
        kernel.wait()


if __name__ == "__main__":
    sys.exit(main())
