#!/bin/sh
#SBATCH --job-name=onramp-cluster
#SBATCH --comment=onramp:cluster:student1:4711:0123456789abcdef
#SBATCH --partition=booster
#SBATCH --account=training0000
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=288
#SBATCH --gres=gpu:4
#SBATCH --time=60
#SBATCH --output=/e/home/jusers/student1/jupiter/.onramp/cluster-0123456789abcdef-%j.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile 'Stages/2026 GCC Python CUDA' python -I -m spawners.cluster_node tls://10.0.0.1:8786 --name onramp-01234567-0 --nthreads 288 --memory-limit 720000MiB --death-timeout 60 --lifetime 3420s --lifetime-stagger 60s --dashboard-address 127.0.0.1:0 --protocol tls --resources GPU=4 --interface ib0 --tls-ca-file /e/home/jusers/student1/jupiter/.onramp/cluster-0123456789abcdef/ca-file.pem --tls-cert /e/home/jusers/student1/jupiter/.onramp/cluster-0123456789abcdef/cert.pem --tls-key /e/home/jusers/student1/jupiter/.onramp/cluster-0123456789abcdef/key.pem --nanny --no-dashboard
