"""ONE MACHINE: a real Slurm with accounting, its people and the hub, in namespaces of their own."""
