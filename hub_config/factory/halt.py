"""End the jobs, then stop the parts in the order that loses nothing. Runs inside the namespace, as root."""

import subprocess
import time

from hub_config.factory import supervised

# Accounting flows from the nodes through slurmctld and slurmdbd into MariaDB.
_LAST = ("slurmctld", "slurmdbd", "mariadb")


def halt() -> None:
    """Cancel every job, so that accounting says when and why it ended, and stop what keeps state."""
    jobs = subprocess.run(["squeue", "-hao", "%A"], stdout=subprocess.PIPE, text=True, timeout=10, check=False).stdout
    if jobs:
        subprocess.run(["scancel", *sorted(set(jobs.split()))], timeout=10, check=False)
        time.sleep(0.5)  # the nodes report the ends
    running = [name for name, state in supervised.states().items() if state == "running"]
    supervised.stop(*(name for name in running if name not in _LAST))
    for name in _LAST:
        if name in running:
            supervised.stop(name)


if __name__ == "__main__":
    halt()
