#!/bin/sh
#SBATCH --job-name=onramp-cluster
#SBATCH --comment=onramp:cluster:student1:4711:0123456789abcdef
#SBATCH --partition=small-g
#SBATCH --account=project_465000001
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=7
#SBATCH --mem=61440M
#SBATCH --gpus-per-node=1
#SBATCH --time=60
#SBATCH --output=/users/student1/.onramp/cluster-0123456789abcdef-%j.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module use $1 && shift && module load $1 && shift && exec "$@"' /etc/profile /appl/local/laifs/modules lumi-aif-singularity-bindings singularity exec /appl/local/laifs/containers/lumi-multitorch-latest.sif python -I -m spawners.cluster_node tls://10.0.0.1:8786 --name onramp-01234567-0 --nthreads 7 --memory-limit 55296MiB --death-timeout 60 --lifetime 3420s --lifetime-stagger 60s --dashboard-address 127.0.0.1:0 --protocol tls --resources GPU=1 --interface hsn0 --local-directory /scratch/project_465000001 --tls-ca-file /users/student1/.onramp/cluster-0123456789abcdef/ca-file.pem --tls-cert /users/student1/.onramp/cluster-0123456789abcdef/cert.pem --tls-key /users/student1/.onramp/cluster-0123456789abcdef/key.pem --nanny --no-dashboard
