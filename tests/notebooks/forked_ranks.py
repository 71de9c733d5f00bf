"""The processes of the example on many GPUs, forked from one that has loaded PyTorch: that takes longer than to learn.

`python -m tests.notebooks.forked_ranks SCRIPT FOLDER`: for each way and number of processes, FOLDER/WAY-NUMBER.
"""

import os
import sys
from pathlib import Path

import sklearn.datasets  # noqa: F401 - loaded once for all
import torch
import torch.distributed.fsdp

import onramp  # noqa: F401
from spawners import run_rank
from spawners import run_record as files
from spawners.run_script import with_parameters
from tests.ports import free_port


def rank(folder: Path, number: int, world: int, port: int) -> None:
    """Be one process, with torchrun's variables."""
    names = {"RANK": number, "LOCAL_RANK": number, "WORLD_SIZE": world, "MASTER_PORT": port, "OMP_NUM_THREADS": 1}
    os.environ.update({name: str(value) for name, value in names.items()})
    os.environ.update({"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo", files.INSIDE: str(folder)})
    torch.set_num_threads(1)
    run_rank.main(folder)


def launch(source: str, folder: Path, *, sharded: bool, world: int) -> None:
    """Run the example once; what becomes of it is told by its folder."""
    folder.mkdir()
    values = {"epochs": 1, "sharded": sharded}
    (folder / files.SCRIPT).write_text(with_parameters(source, values))
    port = free_port()
    children = []
    for number in range(world):
        child = os.fork()
        if not child:
            rank(folder, number, world, port)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    script, below = Path(sys.argv[1]).read_text(), Path(sys.argv[2])
    for way in ("ddp", "fsdp"):
        for size in (1, 2, 4):
            launch(script, below / f"{way}-{size}", sharded=way == "fsdp", world=size)
