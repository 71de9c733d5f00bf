#!/bin/sh
# A machine on which UID is `newcomer`, who never was root, owns this checkout and may make user namespaces.
# usage, as root, in the checkout: unshare --mount newcomer.sh UID FOLDER
# The checkout, /usr and /etc are layers in a mount namespace, which lasts as long as this process.
set -eu
uid=$1
folder=$2
checkout=$PWD

mkdir -p "$folder/etc" "$folder/home" "$folder/checkout" "$folder/layer"
printf '%s\n' "newcomer:x:$uid:$uid::$folder/home:/bin/sh" | cat /etc/passwd - >"$folder/etc/passwd"
printf '%s\n' "newcomer:x:$uid:" | cat /etc/group - >"$folder/etc/group"
echo newcomer:200000:65536 >"$folder/etc/subuid"
echo newcomer:200000:65536 >"$folder/etc/subgid"

# Ownership alone is copied up, into memory: a thousand megabytes of packages change hands in a second.
mount -t tmpfs -o mode=755 layer "$folder/layer"
mkdir "$folder/layer/upper" "$folder/layer/work"
mount -t overlay -o "lowerdir=$checkout,upperdir=$folder/layer/upper,workdir=$folder/layer/work,metacopy=on" \
    checkout "$folder/checkout"
chown -R -h "$uid:$uid" "$folder/checkout" "$folder/home"
mount -t overlay -o "lowerdir=$checkout/.tools/debian/usr:/usr" usr /usr
mount -t overlay -o "lowerdir=$folder/etc:/etc" etc /etc
mount --bind "$folder/checkout" "$checkout"
echo ready
exec sleep infinity
