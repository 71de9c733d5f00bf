#!/bin/sh
#SBATCH --job-name=onramp-run
#SBATCH --comment=onramp:run:20261120-120000-train
#SBATCH --partition=zen4_0768_h100x4
#SBATCH --qos=zen4_0768_h100x4
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=22
#SBATCH --mem=180000M
#SBATCH --gres=gpu:1
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
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile 'ASC/2025.06 CUDA/12.9.0 SciPy-bundle/2025.06-gfbf-2025a' python -I -m spawners.run_node /home/student1/runs/20261120-120000-train
