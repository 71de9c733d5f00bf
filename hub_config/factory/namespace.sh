#!/bin/sh
# Turn a fresh mount namespace into the root file system of a factory, and become its first process.
# usage: unshare --mount --pid --uts --ipc --fork … namespace.sh STATE VENV TOOLS
#   STATE  the factory's folder: etc/ home/ srv/ tmp/ var/ in it become the factory's own
#   VENV   the Python environment, seen inside as /srv/onramp/venv, read-only
#   TOOLS  unpacked Debian packages (debian/) and the proxy (proxy/)
# The host keeps its file system: /usr and /etc are seen read-only below the factory's own layers, everything else is new.
set -eu
PATH=$PATH:/usr/sbin:/sbin # an ordinary user's PATH on Debian lacks them, and pivot_root lies there
state=$1 venv=$2 tools=$3
root=$state/root

hostname onramp
mount --make-rprivate /
# An overlay shows no mounts below what it covers, and containers get the GPU driver's libraries and tools as such.
below_usr=$(awk '$5 ~ "^/usr/" { print $5 }' /proc/self/mountinfo)
mkdir -p "$root"
mount -t tmpfs -o mode=755,size=16m onramp "$root"
cd "$root"
mkdir usr etc dev proc sys home root run srv tmp var
chmod 700 root

# Lines `uid:gid mode path`: what belongs to an account of the factory, whichever uid that is outside.
while read -r owner mode path; do
    [ -e "$state/$path" ] || mkdir "$state/$path"
    chown "$owner" "$state/$path"
    chmod "$mode" "$state/$path"
done <"$state/owners"

mount -t overlay -o "ro,lowerdir=$tools/debian/usr:/usr" overlay usr
mount -t overlay -o "ro,lowerdir=$state/etc:/etc" overlay etc
for point in $below_usr; do
    mount --rbind "$point" "${point#/}"
done
for name in bin sbin lib lib32 lib64 libx32; do
    [ -L "/$name" ] && ln -s "$(readlink "/$name")" "$name"
done

mount -t tmpfs -o mode=755,size=1m dev dev
for device in null zero full random urandom tty; do
    : >"dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
# The real devices where the machine has some; a null device stands for each emulated GPU named in gres.conf.
for device in /dev/nvidia* /dev/kfd /dev/dri; do
    [ -e "$device" ] || continue
    if [ -d "$device" ]; then mkdir -p "dev/${device#/dev/}"; else : >"dev/${device#/dev/}"; fi
    mount --rbind "$device" "dev/${device#/dev/}"
done
mkdir dev/onramp dev/shm dev/pts
: >dev/onramp/none
chmod 000 dev/onramp/none
while read -r name; do
    mkdir -p "dev/onramp/${name%/*}"
    : >"dev/onramp/$name"
    mount --bind /dev/null "dev/onramp/$name"
done <"$state/etc/slurm/emulated-gpus"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs -o mode=1777 shm dev/shm

mount -t proc proc proc
mount --rbind /sys sys
mount -t tmpfs -o mode=755 run run
for name in home srv tmp var; do
    mount --bind "$state/$name" "$name"
done
mount --bind "$venv" srv/onramp/venv
mount -o remount,bind,ro srv/onramp/venv
mount --bind "$tools/proxy" srv/onramp/proxy
mount -o remount,bind,ro srv/onramp/proxy

# Folders that people see who sign in, and jobs do not (node.sh).
while read -r tree; do
    mkdir -p "./$tree"
    chmod 1777 "./$tree"
done <"$state/etc/slurm/login-only"

mkdir -p host
pivot_root . host
cd /
umount -l /host
rmdir /host
exec env -i PATH=/srv/onramp/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin LANG=C.UTF-8 \
    /srv/onramp/venv/bin/supervisord --nodaemon --configuration /srv/onramp/etc/supervisord.conf
