#!/bin/sh
#SBATCH --job-name=onramp-run
#SBATCH --comment=onramp:hub1:student1::0123456789abcdef
#SBATCH --partition=gpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=12000M
#SBATCH --gres=gpu:4
#SBATCH --time=60
#SBATCH --output="/home/student1/runs/First try/%j.log"
#SBATCH --chdir="/home/student1/runs/First try"
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /srv/onramp/venv/bin/papermill input.ipynb output.ipynb -p title 'it'"'"'s $HOME'
