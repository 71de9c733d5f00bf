#!/bin/sh
# Not run: written after the documentation of PBS Pro; no PBS has read it yet.
#PBS -N onramp-run
#PBS -v ONRAMP_COMMENT=onramp:run:20261120-120000-train
#PBS -l select=1:node_type=mi300a:mpiprocs=1
#PBS -l walltime=01:00:00
#PBS -l ws13=True
#PBS -S /bin/sh
#PBS -o /home/student1/runs/20261120-120000-train/job.log
#PBS -j oe
#PBS -r n

cd / || exit
umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile 'HLRS/APU/2026.1 cray-python rocm' python -I -m spawners.run_node /home/student1/runs/20261120-120000-train
