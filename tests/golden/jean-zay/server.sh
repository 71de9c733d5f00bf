#!/bin/sh
#SBATCH --job-name=onramp-server
#SBATCH --comment=onramp:hub1:student1::0123456789abcdef
#SBATCH --partition=prepost
#SBATCH --account=abc@cpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=4
#SBATCH --hint=nomultithread
#SBATCH --time=120
#SBATCH --output=/lustre/fswork/projects/rech/abc/student1/.onramp/0123456789abcdef.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. /etc/profile; module load $0 && exec "$@"' 'arch/h100 miniforge/24.9.0' python -I -m spawners.node /lustre/fswork/projects/rech/abc/student1/.onramp/0123456789abcdef.json
