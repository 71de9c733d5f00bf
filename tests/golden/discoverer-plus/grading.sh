#!/bin/sh
#SBATCH --job-name=onramp-grade
#SBATCH --comment=onramp:grade:0123456789abcdef
#SBATCH --partition=common
#SBATCH --qos=2cpu-single-host
#SBATCH --account=ehpc-aif-2026pg01-000
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=8000M
#SBATCH --time=60
#SBATCH --output=/srv/onramp/grading/0123456789abcdef/out/job.log
#SBATCH --chdir=/
#SBATCH --requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile 'anaconda3/python3.12 nvidia/cuda/12/12.8' python -I -m curricula.worker /srv/onramp/grading/0123456789abcdef 1
