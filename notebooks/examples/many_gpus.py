"""The digits of notebook 03, learned by several GPUs at once: the same numbers come out, however many there are.

Promoted, torchrun runs this file once for each GPU: onramp.promote("many_gpus.py", profile="gpu-4"). In a terminal:
torchrun --nproc-per-node 2 many_gpus.py. What differs from a script for one GPU is marked 1 to 4.
"""

# %% tags=["parameters"]
epochs = 3
learning_rate = 0.003
sharded = False  # False: each GPU holds the whole network (DDP). True: each holds a part of it (FSDP).

# %%
import os

import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

BATCH = 64

# 1. Find the others. torchrun tells each process who it is: its rank, and how many there are.
accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
device = torch.device(accelerator.type, int(os.environ["LOCAL_RANK"])) if accelerator.type != "cpu" else accelerator
if device.type != "cpu":
    torch.accelerator.set_device_index(device.index)
dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
rank, world = dist.get_rank(), dist.get_world_size()

# The same seed makes the same network, and the same order of pictures, in each process.
torch.manual_seed(0)
digits = load_digits()
pictures = torch.tensor(digits.images, dtype=torch.float32, device=device).flatten(1) / 16
labels = torch.tensor(digits.target, device=device)
held_back = torch.arange(len(labels), device=device) % 5 == 0
network = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)).to(device)

# 2. Let the processes average what each has learned from its own pictures.
if sharded:
    mesh = dist.init_device_mesh(device.type, (world,))
    for layer in network:
        if isinstance(layer, torch.nn.Linear):
            fully_shard(layer, mesh=mesh)
    model = fully_shard(network, mesh=mesh)
else:
    model = DistributedDataParallel(network)

optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate * 30)
for epoch in range(1, epochs + 1):
    order = (~held_back).nonzero().squeeze(1)
    order = order[torch.randperm(len(order), generator=torch.Generator().manual_seed(epoch)).to(device)]
    for batch in order[: len(order) // BATCH * BATCH].split(BATCH):
        # 3. Each process takes its own share of every batch.
        share = batch[rank::world]
        optimizer.zero_grad()
        error = torch.nn.functional.cross_entropy(model(pictures[share]), labels[share])
        error.backward()
        optimizer.step()
    with torch.no_grad():
        scores = model(pictures[held_back])
    loss = torch.nn.functional.cross_entropy(scores, labels[held_back]).item()
    accuracy = (scores.argmax(dim=1) == labels[held_back]).float().mean().item()
    if rank == 0:
        print(f"epoch {epoch:>2} of {epochs}: {accuracy:.1%} of unseen digits are read correctly, by {world} processes")

# 4. One process alone says what came out.
if rank == 0:
    import onramp

    onramp.report(loss=loss, accuracy=accuracy)
dist.barrier()
dist.destroy_process_group()
