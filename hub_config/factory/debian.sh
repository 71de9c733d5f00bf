# shellcheck shell=sh
# Debian packages beside the project, not on the host: downloaded with apt, unpacked below one folder, and laid over
# /usr in a mount namespace when a program needs them. No service is installed, enabled or started anywhere, and no
# root is needed. Sourced by ./onramp; the folder is $ONRAMP_TOOLS/debian.

debian_apt() {
    mkdir -p "$ONRAMP_TOOLS/apt/lists/partial" "$ONRAMP_TOOLS/apt/archives/partial"
    apt-get -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" \
        -o Dir::State::lists="$ONRAMP_TOOLS/apt/lists" -o Dir::Cache::archives="$ONRAMP_TOOLS/apt/archives" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@"
}

# debian_size PACKAGE...: the bytes that would be downloaded, with what the packages need and the host lacks.
debian_size() {
    debian_apt install --no-install-recommends --print-uris -qq "$@" | awk '{ bytes += $3 } END { print bytes + 0 }'
}

# debian_unpack PACKAGE...: download them and what they need, and unpack below $ONRAMP_TOOLS/debian.
debian_unpack() {
    debian_apt install --no-install-recommends --download-only -y -qq "$@" >/dev/null
    mkdir -p "$ONRAMP_TOOLS/debian/usr"
    for deb in "$ONRAMP_TOOLS"/apt/archives/*.deb; do
        [ -e "$deb" ] || continue
        dpkg-deb --extract "$deb" "$ONRAMP_TOOLS/debian"
        rm "$deb"
    done
    debian_merge_usr
    debian_link_slurm
}

# Some packages still ship /bin, /lib and /sbin; on a merged host these are below /usr.
debian_merge_usr() {
    for folder in bin sbin lib lib64; do
        [ -d "$ONRAMP_TOOLS/debian/$folder" ] || continue
        mkdir -p "$ONRAMP_TOOLS/debian/usr/$folder"
        cp -a "$ONRAMP_TOOLS/debian/$folder/." "$ONRAMP_TOOLS/debian/usr/$folder/"
        rm -r "${ONRAMP_TOOLS:?}/debian/$folder"
    done
}

# update-alternatives makes these links where the packages are installed rather than unpacked.
debian_link_slurm() {
    for daemon in slurmctld slurmd slurmstepd; do
        [ -e "$ONRAMP_TOOLS/debian/usr/sbin/$daemon-wlm" ] || continue
        ln -sf "$daemon-wlm" "$ONRAMP_TOOLS/debian/usr/sbin/$daemon"
    done
}
