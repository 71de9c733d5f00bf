#!/bin/sh
#SBATCH --job-name=onramp-kernel
#SBATCH --comment=onramp:kernel:student1:4711:0123456789abcdef
#SBATCH --partition=gpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=2
#SBATCH --mem=4000M
#SBATCH --gres=gpu:1
#SBATCH --time=60
#SBATCH --output=/srv/onramp/spool/student1/0123456789abcdef.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /srv/onramp/venv/bin/python -I -m spawners.kernel_node /srv/onramp/spool/student1/0123456789abcdef.json
