#!/bin/sh
#SBATCH --job-name=onramp-server
#SBATCH --comment=onramp:hub1:student1::0123456789abcdef
#SBATCH --partition=small
#SBATCH --account=project_465000001
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=7600M
#SBATCH --time=240
#SBATCH --output=/users/student1/.onramp/0123456789abcdef.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module use $1 && shift && module load $1 && shift && exec "$@"' /etc/profile /appl/local/laifs/modules lumi-aif-singularity-bindings singularity exec /appl/local/laifs/containers/lumi-multitorch-latest.sif python -I -m spawners.node /users/student1/.onramp/0123456789abcdef.json
