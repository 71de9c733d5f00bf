"""The environment of a job, as the one-machine factory's Slurm gives it."""

from pathlib import Path

ROOT = Path(__file__).parents[2]

# What Slurm 22.05 sets in a job of the profile gpu-1 on the one-machine factory.
GPU_JOB = {
    "ONRAMP_SITE": "local",
    "SLURM_JOB_ID": "17",
    "SLURM_JOB_PARTITION": "gpu",
    "SLURM_JOB_ACCOUNT": "onboarding",
    "SLURMD_NODENAME": "gpu1",
    "SLURM_CPUS_PER_TASK": "2",
    "SLURM_CPUS_ON_NODE": "2",
    "SLURM_MEM_PER_NODE": "4000",
    "SLURM_JOB_GPUS": "0",
    "SLURM_GPUS_ON_NODE": "1",
    "CUDA_VISIBLE_DEVICES": "0",
}
CPU_JOB = {name: value for name, value in GPU_JOB.items() if "GPU" not in name and name != "CUDA_VISIBLE_DEVICES"} | {
    "SLURM_JOB_PARTITION": "cpu",
    "SLURMD_NODENAME": "cpu1",
    "SLURM_MEM_PER_NODE": "2000",
}
