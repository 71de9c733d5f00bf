#!/bin/sh
#SBATCH --job-name=onramp-grade
#SBATCH --comment=onramp:grade:0123456789abcdef
#SBATCH --partition=small
#SBATCH --account=project_465000001
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=7600M
#SBATCH --time=60
#SBATCH --output=/srv/onramp/grading/0123456789abcdef/out/job.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module use $1 && shift && module load $1 && shift && exec "$@"' /etc/profile /appl/local/laifs/modules lumi-aif-singularity-bindings singularity exec /appl/local/laifs/containers/lumi-multitorch-latest.sif python -I -m curricula.worker /srv/onramp/grading/0123456789abcdef 1
