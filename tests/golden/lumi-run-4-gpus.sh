#!/bin/sh
#SBATCH --job-name=onramp-run
#SBATCH --comment=onramp:hub1:student1::0123456789abcdef
#SBATCH --partition=small-g
#SBATCH --account=project_465000001
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=28
#SBATCH --mem=245760M
#SBATCH --gpus-per-node=4
#SBATCH --time=60
#SBATCH --output="/users/student1/runs/First try/%j.log"
#SBATCH --chdir="/users/student1/runs/First try"
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec singularity exec /appl/local/laifs/containers/lumi-multitorch-latest.sif papermill input.ipynb output.ipynb -p title 'it'"'"'s $HOME'
