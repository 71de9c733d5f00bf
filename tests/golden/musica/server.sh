#!/bin/sh
#SBATCH --job-name=onramp-server
#SBATCH --comment=onramp:hub1:student1::0123456789abcdef
#SBATCH --partition=zen4_0768
#SBATCH --qos=zen4_0768
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=16000M
#SBATCH --time=240
#SBATCH --output=/home/student1/.onramp/0123456789abcdef.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile 'ASC/2025.06 CUDA/12.9.0 SciPy-bundle/2025.06-gfbf-2025a' python -I -m spawners.node /home/student1/.onramp/0123456789abcdef.json
