#!/bin/sh
# Become one node of a factory: a host name, and what jobs find, or do not find, on the nodes of its site.
# usage: unshare --uts --mount node.sh NAME [--gpus DEVICE,...] [--tmp MIB] [--no-internet] [--hide FOLDER]...
#   --gpus         the device files of this node's GPUs; jobs can open no others
#   --tmp          /tmp is memory, so much of it; otherwise it is the factory's own
#   --no-internet  hosts outside have no address
#   --hide         a folder that is there for people who sign in, and not for jobs
set -eu
name=$1 gpus=
shift

hostname "$name"
while [ $# -gt 0 ]; do
    case $1 in
        --gpus)
            gpus=$2
            shift
            ;;
        --tmp)
            mount -t tmpfs -o "mode=1777,size=${2}m" tmp /tmp
            shift
            ;;
        --hide)
            mount -t tmpfs -o mode=755,size=4k hidden "$2"
            shift
            ;;
        --no-internet)
            # To take the network itself away would take Slurm's own with it.
            [ ! -e /etc/resolv.conf ] || mount --bind /dev/null /etc/resolv.conf
            ;;
    esac
    shift
done
# Slurm numbers a node's GPUs from 0, and so do the drivers those they can open: another node's must not be among them.
for device in /dev/nvidia[0-9]* /dev/dri/renderD*; do
    [ -c "$device" ] || continue
    case ",$gpus," in
        *",$device,"*) ;;
        *) mount --bind /dev/onramp/none "$device" ;;
    esac
done
exec slurmd -D -N "$name"
