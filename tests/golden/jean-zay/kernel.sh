#!/bin/sh
#SBATCH --job-name=onramp-kernel
#SBATCH --comment=onramp:kernel:student1:4711:0123456789abcdef
#SBATCH --partition=gpu_p6
#SBATCH --qos=qos_gpu_h100-dev
#SBATCH --account=abc@h100
#SBATCH --constraint=h100
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=24
#SBATCH --gres=gpu:1
#SBATCH --hint=nomultithread
#SBATCH --time=60
#SBATCH --output=/lustre/fswork/projects/rech/abc/student1/.onramp/0123456789abcdef.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module purge; module use $1 && shift && module load $1 && shift && exec "$@"' /lustre/fshomisc/sup/spack_soft/environment-modules/current/init/bash '/lustre/fshomisc/sup/hpe/pub/module-rh/modulefiles /lustre/fshomisc/sup/hpe/pub/modules-idris-env4/modulefiles/linux-rhel9-skylake_avx512' 'arch/h100 miniforge/24.9.0' python -I -m spawners.kernel_node /lustre/fswork/projects/rech/abc/student1/.onramp/0123456789abcdef.json
