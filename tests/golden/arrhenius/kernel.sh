#!/bin/sh
#SBATCH --job-name=onramp-kernel
#SBATCH --comment=onramp:kernel:student1:4711:0123456789abcdef
#SBATCH --partition=gpu
#SBATCH --account=myproject-gpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=72
#SBATCH --mem=120000M
#SBATCH --gpus=1
#SBATCH --time=60
#SBATCH --output=/home/student1/.onramp/0123456789abcdef.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile GPU/Miniforge/26.3.2-2-eb python -I -m spawners.kernel_node /home/student1/.onramp/0123456789abcdef.json
