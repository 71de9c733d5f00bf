#!/bin/sh
#SBATCH --job-name=onramp-cluster
#SBATCH --comment=onramp:cluster:student1:4711:0123456789abcdef
#SBATCH --partition=gpu
#SBATCH --account=d2000d00-000-users
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=64
#SBATCH --mem=120000M
#SBATCH --gres=gpu:1
#SBATCH --time=60
#SBATCH --output=/ceph/hpc/home/student1/.onramp/cluster-0123456789abcdef-%j.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile Python/3.11.5-GCCcore-13.2.0 python -I -m spawners.cluster_node tls://10.0.0.1:8786 --name onramp-01234567-0 --nthreads 64 --memory-limit 108000MiB --death-timeout 60 --lifetime 3420s --lifetime-stagger 60s --dashboard-address 127.0.0.1:0 --protocol tls --resources GPU=1 --tls-ca-file /ceph/hpc/home/student1/.onramp/cluster-0123456789abcdef/ca-file.pem --tls-cert /ceph/hpc/home/student1/.onramp/cluster-0123456789abcdef/cert.pem --tls-key /ceph/hpc/home/student1/.onramp/cluster-0123456789abcdef/key.pem --nanny --no-dashboard
