#!/bin/sh
#SBATCH --job-name=onramp-run
#SBATCH --comment=onramp:run:20261120-120000-train
#SBATCH --partition=common
#SBATCH --qos=ehpc-aif-2026pg01-000
#SBATCH --account=ehpc-aif-2026pg01-000
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=26
#SBATCH --mem=240000M
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
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile 'anaconda3/python3.12 nvidia/cuda/12/12.8' python -I -m spawners.run_node /home/student1/runs/20261120-120000-train
