#!/bin/sh
#SBATCH --job-name=onramp-kernel
#SBATCH --comment=onramp:kernel:student1:4711:0123456789abcdef
#SBATCH --partition=interactive
#SBATCH --qos=acc_interactive
#SBATCH --account=ehpcNNN
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=20
#SBATCH --gres=gpu:1
#SBATCH --time=60
#SBATCH --output=/gpfs/projects/ehpcNNN/onramp/student1/0123456789abcdef.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module purge; module load $1 && shift && exec "$@"' /etc/profile pytorch/2.4.0 python -I -m spawners.kernel_node /gpfs/projects/ehpcNNN/onramp/student1/0123456789abcdef.json
