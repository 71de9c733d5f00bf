#!/bin/sh
#SBATCH --job-name=onramp-cluster
#SBATCH --comment=onramp:cluster:student1:4711:0123456789abcdef
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
#SBATCH --output=/lustre/fswork/projects/rech/abc/student1/.onramp/cluster-0123456789abcdef-%j.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module purge; module use $1 && shift && module load $1 && shift && exec "$@"' /lustre/fshomisc/sup/spack_soft/environment-modules/current/init/bash '/lustre/fshomisc/sup/hpe/pub/module-rh/modulefiles /lustre/fshomisc/sup/hpe/pub/modules-idris-env4/modulefiles/linux-rhel9-skylake_avx512' 'arch/h100 miniforge/24.9.0' python -I -m spawners.cluster_node tls://10.0.0.1:8786 --name onramp-01234567-0 --nthreads 24 --memory-limit 115200MiB --death-timeout 60 --lifetime 3420s --lifetime-stagger 60s --dashboard-address 127.0.0.1:0 --protocol tls --resources GPU=1 --interface ib0 --tls-ca-file /lustre/fswork/projects/rech/abc/student1/.onramp/cluster-0123456789abcdef/ca-file.pem --tls-cert /lustre/fswork/projects/rech/abc/student1/.onramp/cluster-0123456789abcdef/cert.pem --tls-key /lustre/fswork/projects/rech/abc/student1/.onramp/cluster-0123456789abcdef/key.pem --nanny --no-dashboard
