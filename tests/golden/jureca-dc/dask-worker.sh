#!/bin/sh
#SBATCH --job-name=onramp-cluster
#SBATCH --comment=onramp:cluster:student1:4711:0123456789abcdef
#SBATCH --partition=dc-gpu
#SBATCH --account=training0000
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=128
#SBATCH --gres=gpu:4
#SBATCH --time=60
#SBATCH --output=/p/home/jusers/student1/jureca/.onramp/cluster-0123456789abcdef-%j.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile 'Stages/2025 GCC OpenMPI Python PyTorch' python -I -m spawners.cluster_node tls://10.0.0.1:8786 --name onramp-01234567-0 --nthreads 128 --memory-limit 432000MiB --death-timeout 60 --lifetime 3420s --lifetime-stagger 60s --dashboard-address 127.0.0.1:0 --protocol tls --resources GPU=4 --interface ib0 --tls-ca-file /p/home/jusers/student1/jureca/.onramp/cluster-0123456789abcdef/ca-file.pem --tls-cert /p/home/jusers/student1/jureca/.onramp/cluster-0123456789abcdef/cert.pem --tls-key /p/home/jusers/student1/jureca/.onramp/cluster-0123456789abcdef/key.pem --nanny --no-dashboard
