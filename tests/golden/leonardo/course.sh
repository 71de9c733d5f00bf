#!/bin/sh
#SBATCH --job-name=onramp-server
#SBATCH --comment=onramp:hub1:student1::0123456789abcdef
#SBATCH --partition=boost_usr_prod
#SBATCH --account=tra00_course
#SBATCH --reservation=s_tra_course
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=120000M
#SBATCH --gres=gpu:1
#SBATCH --time=60
#SBATCH --output=/leonardo_scratch/large/userexternal/student1/.onramp/0123456789abcdef.log
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export=ALL

umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
exec /bin/bash --noprofile --norc -c '. "$0"; module load $1 && shift && exec "$@"' /etc/profile 'profile/deeplrn cineca-ai/4.3.0' python -I -m spawners.node /leonardo_scratch/large/userexternal/student1/.onramp/0123456789abcdef.json
