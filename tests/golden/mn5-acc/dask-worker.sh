#!/bin/sh
#SBATCH --job-name=onramp-cluster
#SBATCH --comment=onramp:cluster:student1:4711:0123456789abcdef
#SBATCH --partition=acc
#SBATCH --qos=acc_ehpc
#SBATCH --account=ehpcNNN
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=80
#SBATCH --gres=gpu:4
#SBATCH --time=60
#SBATCH --output=/gpfs/projects/ehpcNNN/onramp/student1/cluster-0123456789abcdef-%j.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module purge; module load $1 && shift && exec "$@"' /etc/profile pytorch/2.4.0 python -I -m spawners.cluster_node tls://10.0.0.1:8786 --name onramp-01234567-0 --nthreads 80 --memory-limit 432000MiB --death-timeout 60 --lifetime 3420s --lifetime-stagger 60s --dashboard-address 127.0.0.1:0 --protocol tls --resources GPU=4 --interface ib0 --tls-ca-file /gpfs/projects/ehpcNNN/onramp/student1/cluster-0123456789abcdef/ca-file.pem --tls-cert /gpfs/projects/ehpcNNN/onramp/student1/cluster-0123456789abcdef/cert.pem --tls-key /gpfs/projects/ehpcNNN/onramp/student1/cluster-0123456789abcdef/key.pem --nanny --no-dashboard
