#!/bin/sh
#SBATCH --job-name=onramp-kernel
#SBATCH --comment=onramp:kernel:student1:4711:0123456789abcdef
#SBATCH --partition=dev-g
#SBATCH --account=project_465000001
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=7
#SBATCH --mem=61440M
#SBATCH --gpus-per-node=1
#SBATCH --time=60
#SBATCH --output=/users/student1/.onramp/0123456789abcdef.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module use $1 && shift && module load $1 && shift && exec "$@"' /etc/profile /appl/local/laifs/modules lumi-aif-singularity-bindings singularity exec /appl/local/laifs/containers/lumi-multitorch-latest.sif python -I -m spawners.kernel_node /users/student1/.onramp/0123456789abcdef.json
