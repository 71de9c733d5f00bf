#!/bin/sh
#SBATCH --job-name=onramp-cluster
#SBATCH --comment=onramp:cluster:student1:4711:0123456789abcdef
#SBATCH --partition=common
#SBATCH --qos=ehpc-aif-2026pg01-000
#SBATCH --account=ehpc-aif-2026pg01-000
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=26
#SBATCH --mem=240000M
#SBATCH --gres=gpu:1
#SBATCH --time=60
#SBATCH --output=/home/student1/.onramp/cluster-0123456789abcdef-%j.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile 'anaconda3/python3.12 nvidia/cuda/12/12.8' python -I -m spawners.cluster_node tls://10.0.0.1:8786 --name onramp-01234567-0 --nthreads 26 --memory-limit 216000MiB --death-timeout 60 --lifetime 3420s --lifetime-stagger 60s --dashboard-address 127.0.0.1:0 --protocol tls --resources GPU=1 --tls-ca-file /home/student1/.onramp/cluster-0123456789abcdef/ca-file.pem --tls-cert /home/student1/.onramp/cluster-0123456789abcdef/cert.pem --tls-key /home/student1/.onramp/cluster-0123456789abcdef/key.pem --nanny --no-dashboard
