#!/bin/sh
#SBATCH --job-name=onramp-run
#SBATCH --comment=onramp:run:20261120-120000-train
#SBATCH --partition=gpu_p6
#SBATCH --qos=qos_gpu_h100-t3
#SBATCH --account=abc@h100
#SBATCH --constraint=h100
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=24
#SBATCH --gres=gpu:1
#SBATCH --hint=nomultithread
#SBATCH --time=60
#SBATCH --output=/home/student1/runs/20261120-120000-train/job.log
#SBATCH --open-mode=append
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL
#SBATCH --signal=B:USR1@120

trap '' USR1
umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module purge; module use $1 && shift && module load $1 && shift && exec "$@"' /lustre/fshomisc/sup/spack_soft/environment-modules/current/init/bash '/lustre/fshomisc/sup/hpe/pub/module-rh/modulefiles /lustre/fshomisc/sup/hpe/pub/modules-idris-env4/modulefiles/linux-rhel9-skylake_avx512' 'arch/h100 miniforge/24.9.0' python -I -m spawners.run_node /home/student1/runs/20261120-120000-train
