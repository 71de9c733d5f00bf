#!/bin/sh
# No environment of this system is known yet: /opt/onramp stands for one that must be made.
#SBATCH --job-name=onramp-kernel
#SBATCH --comment=onramp:kernel:student1:4711:0123456789abcdef
#SBATCH --partition=gpu
#SBATCH --qos=test
#SBATCH --account=p200000
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=64
#SBATCH --ntasks=1
#SBATCH --gpus-per-task=4
#SBATCH --time=30
#SBATCH --output=/home/users/student1/.onramp/0123456789abcdef.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /opt/onramp/bin/python -I -m spawners.kernel_node /home/users/student1/.onramp/0123456789abcdef.json
