#!/bin/sh
# No environment of this system is known yet: /opt/onramp stands for one that must be made.
#SBATCH --job-name=onramp-run
#SBATCH --comment=onramp:run:20261120-120000-train
#SBATCH --partition=gpu
#SBATCH --qos=default
#SBATCH --account=p200000
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=64
#SBATCH --ntasks=2
#SBATCH --gpus-per-task=4
#SBATCH --time=60
#SBATCH --output=/home/student1/runs/20261120-120000-train/job.log
#SBATCH --open-mode=append
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL
#SBATCH --signal=B:USR1@120

trap '' USR1
umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec srun --kill-on-bad-exit=1 --cpus-per-task=64 /opt/onramp/bin/python -I -m spawners.run_node /home/student1/runs/20261120-120000-train
