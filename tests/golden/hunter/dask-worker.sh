#!/bin/sh
# Not run: written after the documentation of PBS Pro; no PBS has read it yet.
#PBS -N onramp-cluster
#PBS -v ONRAMP_COMMENT=onramp:cluster:student1:4711:0123456789abcdef
#PBS -l select=1:node_type=mi300a:mpiprocs=1
#PBS -l walltime=01:00:00
#PBS -l ws13=True
#PBS -S /bin/sh
#PBS -o /lustre/hpe/ws13/ws13.a/ws/student1-onramp/.onramp/
#PBS -j oe
#PBS -r n

cd / || exit
umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile 'HLRS/APU/2026.1 cray-python rocm' python -I -m spawners.cluster_node tls://10.0.0.1:8786 --name onramp-01234567-0 --nthreads 88 --memory-limit 414000MiB --death-timeout 60 --lifetime 3420s --lifetime-stagger 60s --dashboard-address 127.0.0.1:0 --protocol tls --resources GPU=4 --local-directory /lustre/hpe/ws13/ws13.a/ws/student1-onramp --tls-ca-file /lustre/hpe/ws13/ws13.a/ws/student1-onramp/.onramp/cluster-0123456789abcdef/ca-file.pem --tls-cert /lustre/hpe/ws13/ws13.a/ws/student1-onramp/.onramp/cluster-0123456789abcdef/cert.pem --tls-key /lustre/hpe/ws13/ws13.a/ws/student1-onramp/.onramp/cluster-0123456789abcdef/key.pem --nanny --no-dashboard
