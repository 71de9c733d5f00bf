#!/bin/sh
#SBATCH --job-name=onramp-cluster
#SBATCH --comment=onramp:cluster:student1:4711:0123456789abcdef
#SBATCH --partition=plgrid-gpu-gh200
#SBATCH --account=plgexample-gpu-gh200
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --mem=96000M
#SBATCH --gres=gpu:1
#SBATCH --time=60
#SBATCH --output=/net/home/plgrid/student1/.onramp/cluster-0123456789abcdef-%j.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile ML-bundle/25.10 python -I -m spawners.cluster_node tls://10.0.0.1:8786 --name onramp-01234567-0 --nthreads 32 --memory-limit 86400MiB --death-timeout 60 --lifetime 3420s --lifetime-stagger 60s --dashboard-address 127.0.0.1:0 --protocol tls --resources GPU=1 --tls-ca-file /net/home/plgrid/student1/.onramp/cluster-0123456789abcdef/ca-file.pem --tls-cert /net/home/plgrid/student1/.onramp/cluster-0123456789abcdef/cert.pem --tls-key /net/home/plgrid/student1/.onramp/cluster-0123456789abcdef/key.pem --nanny --no-dashboard
