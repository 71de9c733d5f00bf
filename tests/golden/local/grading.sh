#!/bin/sh
#SBATCH --job-name=onramp-grading
#SBATCH --comment=onramp:grading:student1:0123456789abcdef
#SBATCH --partition=cpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=2
#SBATCH --mem=2000M
#SBATCH --time=240
#SBATCH --output=/srv/onramp/spool/student1/0123456789abcdef.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /srv/onramp/venv/bin/python -I -m curricula.autograde_node /srv/onramp/spool/student1/0123456789abcdef
