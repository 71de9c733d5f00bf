#!/bin/sh
# Make this mount namespace a machine with COUNT NVIDIA GPUs, by their device files, and run a command there.
# usage: unshare --mount gpu_machine.sh FOLDER COUNT LIBRARY COMMAND...
#   LIBRARY  a file below /usr over which the GPU driver's library is mounted
set -eu
folder=$1 count=$2 library=$3
shift 3

echo "a driver's library" >"$folder/library"
mount --bind "$folder/library" "$library"

mkdir -p "$folder/dev"
mount --rbind /dev "$folder/dev"
mount -t tmpfs -o mode=755 dev /dev
for device in null zero full random urandom tty; do
    : >"/dev/$device"
    mount --bind "$folder/dev/$device" "/dev/$device"
done
mkdir /dev/shm /dev/pts
mount --bind "$folder/dev/shm" /dev/shm
mount --bind "$folder/dev/pts" /dev/pts
ln -s pts/ptmx /dev/ptmx
ln -s /proc/self/fd /dev/fd
number=0
while [ "$number" -lt "$count" ]; do
    mknod -m 666 "/dev/nvidia$number" c 1 5 # as /dev/zero: something other than /dev/null that can be opened
    number=$((number + 1))
done
exec "$@"
