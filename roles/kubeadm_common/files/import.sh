#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Bring images from archives into containerd: docker-archives and OCI archives, also compressed.
# import.sh <containerd's root> <patterns of archives...>
set -eu
root=$1
shift
names() {
    ctr --namespace k8s.io images list -q | grep -v '^sha256:'
}
mkdir -p "$root/podforge-images"
for pattern; do
    for archive in $pattern; do # the pattern is meant to be expanded
        [ -f "$archive" ] || continue
        mark="$root/podforge-images/$(stat -c '%n %s %Y' "$archive" | sha256sum | cut -c 1-32)"
        there=$(names) || true
        # what it brought is there until kubelet clears images away that no pod needs
        [ -e "$mark" ] && ! grep -qvxF -e "$there" "$mark" && continue
        case $archive in
        *.xz) xz -dc "$archive" | ctr --namespace k8s.io images import - ;;
        *.gz | *.tgz) gzip -dc "$archive" | ctr --namespace k8s.io images import - ;;
        *) ctr --namespace k8s.io images import "$archive" ;;
        esac
        names | grep -vxF -e "$there" >"$mark.new" || true
        mv "$mark.new" "$mark"
    done
done
