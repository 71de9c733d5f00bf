#!/bin/sh
# Not run: written after the documentation of PBS Pro; no PBS has read it yet.
#PBS -N onramp-kernel
#PBS -v ONRAMP_COMMENT=onramp:kernel:student1:4711:0123456789abcdef
#PBS -q test
#PBS -l select=1:node_type=mi300a:mpiprocs=1
#PBS -l walltime=00:25:00
#PBS -l ws13=True
#PBS -S /bin/sh
#PBS -o /lustre/hpe/ws13/ws13.a/ws/student1-onramp/.onramp/0123456789abcdef.log
#PBS -j oe
#PBS -r n

cd / || exit
umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile 'HLRS/APU/2026.1 cray-python rocm' python -I -m spawners.kernel_node /lustre/hpe/ws13/ws13.a/ws/student1-onramp/.onramp/0123456789abcdef.json
