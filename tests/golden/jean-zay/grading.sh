#!/bin/sh
#SBATCH --job-name=onramp-grade
#SBATCH --comment=onramp:grade:0123456789abcdef
#SBATCH --partition=prepost
#SBATCH --account=abc@cpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=1
#SBATCH --hint=nomultithread
#SBATCH --time=60
#SBATCH --output=/srv/onramp/grading/0123456789abcdef/out/job.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module purge; module use $1 && shift && module load $1 && shift && exec "$@"' /lustre/fshomisc/sup/spack_soft/environment-modules/current/init/bash '/lustre/fshomisc/sup/hpe/pub/module-rh/modulefiles /lustre/fshomisc/sup/hpe/pub/modules-idris-env4/modulefiles/linux-rhel9-skylake_avx512' 'arch/h100 miniforge/24.9.0' python -I -m curricula.worker /srv/onramp/grading/0123456789abcdef 1
