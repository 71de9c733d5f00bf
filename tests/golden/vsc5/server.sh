#!/bin/sh
# No environment of this system is known yet: /opt/onramp stands for one that must be made.
#SBATCH --job-name=onramp-server
#SBATCH --comment=onramp:hub1:student1::0123456789abcdef
#SBATCH --partition=zen3_0512
#SBATCH --qos=zen3_0512
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=16000M
#SBATCH --time=240
#SBATCH --output=/home/student1/.onramp/0123456789abcdef.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /opt/onramp/bin/python -I -m spawners.node /home/student1/.onramp/0123456789abcdef.json
