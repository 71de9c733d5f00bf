#!/bin/sh
#SBATCH --job-name=onramp-grade
#SBATCH --comment=onramp:grade:0123456789abcdef
#SBATCH --partition=cpu
#SBATCH --account=myproject-cpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=12000M
#SBATCH --time=60
#SBATCH --output=/srv/onramp/grading/0123456789abcdef/out/job.log
#SBATCH --chdir=/
#SBATCH --requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile Python/3.13.5-bundle-SciPy-2025.07-mpi4py-4.1.0-gcc-2025b-eb python -I -m curricula.worker /srv/onramp/grading/0123456789abcdef 1
