#!/bin/sh
#SBATCH --job-name=onramp-grade
#SBATCH --comment=onramp:grade:0123456789abcdef
#SBATCH --partition=zen4_0768
#SBATCH --qos=zen4_0768
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=16000M
#SBATCH --time=60
#SBATCH --output=/srv/onramp/grading/0123456789abcdef/out/job.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile 'ASC/2025.06 CUDA/12.9.0 SciPy-bundle/2025.06-gfbf-2025a' python -I -m curricula.worker /srv/onramp/grading/0123456789abcdef 1
