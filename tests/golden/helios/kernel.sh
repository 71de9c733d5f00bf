#!/bin/sh
#SBATCH --job-name=onramp-kernel
#SBATCH --comment=onramp:kernel:student1:4711:0123456789abcdef
#SBATCH --partition=plgrid-gpu-gh200
#SBATCH --account=plgexample-gpu-gh200
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --mem=96000M
#SBATCH --gres=gpu:1
#SBATCH --time=60
#SBATCH --output=/net/home/plgrid/student1/.onramp/0123456789abcdef.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile ML-bundle/25.10 python -I -m spawners.kernel_node /net/home/plgrid/student1/.onramp/0123456789abcdef.json
