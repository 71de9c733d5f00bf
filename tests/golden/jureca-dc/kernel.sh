#!/bin/sh
#SBATCH --job-name=onramp-kernel
#SBATCH --comment=onramp:kernel:student1:4711:0123456789abcdef
#SBATCH --partition=dc-gpu-devel
#SBATCH --account=training0000
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=128
#SBATCH --gres=gpu:4
#SBATCH --time=60
#SBATCH --output=/p/home/jusers/student1/jureca/.onramp/0123456789abcdef.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile 'Stages/2025 GCC OpenMPI Python PyTorch' python -I -m spawners.kernel_node /p/home/jusers/student1/jureca/.onramp/0123456789abcdef.json
