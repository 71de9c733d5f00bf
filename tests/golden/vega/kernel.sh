#!/bin/sh
#SBATCH --job-name=onramp-kernel
#SBATCH --comment=onramp:kernel:student1:4711:0123456789abcdef
#SBATCH --partition=gpu
#SBATCH --account=d2000d00-000-users
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=64
#SBATCH --mem=120000M
#SBATCH --gres=gpu:1
#SBATCH --time=60
#SBATCH --output=/ceph/hpc/home/student1/.onramp/0123456789abcdef.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile Python/3.11.5-GCCcore-13.2.0 python -I -m spawners.kernel_node /ceph/hpc/home/student1/.onramp/0123456789abcdef.json
