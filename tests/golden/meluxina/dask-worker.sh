#!/bin/sh
# No environment of this system is known yet: /opt/onramp stands for one that must be made.
#SBATCH --job-name=onramp-cluster
#SBATCH --comment=onramp:cluster:student1:4711:0123456789abcdef
#SBATCH --partition=gpu
#SBATCH --qos=default
#SBATCH --account=p200000
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=64
#SBATCH --ntasks=1
#SBATCH --gpus-per-task=4
#SBATCH --time=60
#SBATCH --output=/home/users/student1/.onramp/cluster-0123456789abcdef-%j.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /opt/onramp/bin/python -I -m spawners.cluster_node tls://10.0.0.1:8786 --name onramp-01234567-0 --nthreads 64 --memory-limit 414000MiB --death-timeout 60 --lifetime 3420s --lifetime-stagger 60s --dashboard-address 127.0.0.1:0 --protocol tls --resources GPU=4 --tls-ca-file /home/users/student1/.onramp/cluster-0123456789abcdef/ca-file.pem --tls-cert /home/users/student1/.onramp/cluster-0123456789abcdef/cert.pem --tls-key /home/users/student1/.onramp/cluster-0123456789abcdef/key.pem --nanny --no-dashboard
