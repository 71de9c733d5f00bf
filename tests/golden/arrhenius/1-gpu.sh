#!/bin/sh
#SBATCH --job-name=onramp-run
#SBATCH --comment=onramp:run:20261120-120000-train
#SBATCH --partition=gpu
#SBATCH --account=myproject-gpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=72
#SBATCH --mem=120000M
#SBATCH --gpus=1
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
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile GPU/Miniforge/26.3.2-2-eb python -I -m spawners.run_node /home/student1/runs/20261120-120000-train
