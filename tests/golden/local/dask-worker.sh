#!/bin/sh
#SBATCH --job-name=onramp-cluster
#SBATCH --comment=onramp:cluster:student1:4711:0123456789abcdef
#SBATCH --partition=gpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=2
#SBATCH --mem=4000M
#SBATCH --gres=gpu:1
#SBATCH --time=60
#SBATCH --output=/srv/onramp/spool/student1/cluster-0123456789abcdef-%j.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /srv/onramp/venv/bin/python -I -m spawners.cluster_node tls://10.0.0.1:8786 --name onramp-01234567-0 --nthreads 2 --memory-limit 3600MiB --death-timeout 60 --lifetime 3420s --lifetime-stagger 60s --dashboard-address 127.0.0.1:0 --protocol tls --resources GPU=1 --tls-ca-file /srv/onramp/spool/student1/cluster-0123456789abcdef/ca-file.pem --tls-cert /srv/onramp/spool/student1/cluster-0123456789abcdef/cert.pem --tls-key /srv/onramp/spool/student1/cluster-0123456789abcdef/key.pem --nanny --no-dashboard
