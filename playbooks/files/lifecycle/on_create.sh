#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Entry script of the lifecycle configuration, for OnCreate as for OnInitComplete. Unpacks the bundle beside it to
# /opt/podforge/releases/<content id> (the download under /tmp goes at the next reboot) and starts the run from there.
# To run again at any time: /opt/podforge/current/on_create.sh [arguments of ansible-playbook, such as --check --diff]
set -eu
umask 022
root=${PODFORGE_ROOT:-/opt/podforge}
log=${PODFORGE_LOG:-/var/log/provision/provisioning.log}
# the agent starts it without HOME and locale; Slurm's programs are on no default PATH; Ansible wants UTF-8
export HOME="${HOME:-/root}" LC_ALL=C.UTF-8
export PATH="/opt/slurm/bin:/opt/slurm/sbin:${PATH:-/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

fail() {
    message=$1
    exit 1
}

# whatever ends this script early (a full disk, say), its last words are in the log before it fails
last_words() {
    status=$?
    [ "$status" -ne 0 ] || return 0
    line="podforge: ${message:-the entry script ended with status $status, see the lines above}"
    printf '%s\n' "$line" >&2
    # what standard error does not bring to the log by itself is written there; then time for the log shipper
    sleep 1
    tail -n 20 "$log" 2>/dev/null | grep -qF -- "$line" || printf '%s\n' "$line" 2>/dev/null >>"$log" || :
    [ -t 2 ] || sleep "${PODFORGE_FLUSH_SECONDS:-7}"
    exit "$status"
}
message=
trap last_words EXIT

[ "$(id -u)" -eq 0 ] || fail "$0 must run as root"
command -v python3 >/dev/null || fail "python3 is not installed on this node"
python3 -I -S -c 'import sys; sys.exit(sys.version_info < (3, 9))' || fail "this node's python3 is older than 3.9"
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
mkdir -p "$root/releases" || fail "$root/releases cannot be made"
touch "$root/lock" || fail "$root/lock cannot be written"
exec 9>>"$root/lock"
flock -n 9 || {
    echo "podforge: another run is under way, waiting for its end"
    flock 9
}

release=$here
if [ -f "$here/bundle.tar" ]; then
    [ -f "$here/manifest.json" ] || fail "$here/manifest.json is missing: the lifecycle files are incomplete"
    id=$(sha256sum <"$here/manifest.json" | cut -c1-16)
    release=$root/releases/$id
    if [ ! -d "$release" ]; then
        sum=$(sha256sum <"$here/bundle.tar" | cut -c1-64)
        grep -qF "$sum" "$here/manifest.json" || fail "$here/bundle.tar is damaged: its SHA-256 is not the manifest's"
        # complete or not there: unpacked beside, then renamed
        rm -rf "$root/releases/".new-*
        new=$root/releases/.new-$id
        mkdir "$new" || fail "$new cannot be made"
        tar -xf "$here/bundle.tar" -C "$new" --no-same-owner || fail "$here/bundle.tar cannot be unpacked to $new"
        cp "$here/manifest.json" "$new/" || fail "$new/manifest.json cannot be written"
        mv "$new" "$release" || fail "$new cannot be renamed to $release"
    fi
fi

cd "$release/collections" || fail "$release is incomplete; remove it and run the lifecycle script again"
# the playbook keeps the lock as long as it lives, whatever happens to its parent
export PODFORGE_LOCK_FD=9
exec python3 -E -s -m ansible_collections.podforge.hyperpod.plugins.module_utils._pull.run "$release" "$@"
