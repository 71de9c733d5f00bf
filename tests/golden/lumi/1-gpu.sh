#!/bin/sh
#SBATCH --job-name=onramp-run
#SBATCH --comment=onramp:run:20261120-120000-train
#SBATCH --partition=small-g
#SBATCH --account=project_465000001
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=7
#SBATCH --mem=61440M
#SBATCH --gpus-per-node=1
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
exec /bin/bash --noprofile --norc -c '. "$0"; module use $1 && shift && module load $1 && shift && exec "$@"' /etc/profile /appl/local/laifs/modules lumi-aif-singularity-bindings singularity exec /appl/local/laifs/containers/lumi-multitorch-latest.sif python -I -m spawners.run_node /home/student1/runs/20261120-120000-train
