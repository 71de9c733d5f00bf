#!/bin/sh
#SBATCH --job-name=onramp-run
#SBATCH --comment=onramp:run:20261120-120000-train
#SBATCH --partition=gpu
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=12000M
#SBATCH --gres=gpu:4
#SBATCH --time=30
#SBATCH --output=/home/student1/runs/20261120-120000-train/job.log
#SBATCH --open-mode=append
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL
#SBATCH --signal=B:USR1@120

trap '' USR1
umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec srun --kill-on-bad-exit=1 --cpus-per-task=8 /srv/onramp/venv/bin/python -I -m spawners.run_node /home/student1/runs/20261120-120000-train
