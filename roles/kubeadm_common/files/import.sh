#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Bring images from archives into containerd: docker-archives and OCI archives, also compressed.
# import.sh <containerd's root> <patterns of archives...>
set -eu
root=$1
shift
names() {
    listed=$(ctr --namespace k8s.io images list -q)
    printf '%s\n' "$listed" | sed '/^sha256:/d; /^$/d'
}
mkdir -p "$root/podforge-images"
for pattern; do
    for archive in $pattern; do # the pattern is meant to be expanded
        [ -f "$archive" ] || continue
        mark="$root/podforge-images/$(stat -c '%n %s %Y' "$archive" | sha256sum | cut -c 1-32)"
        there=$(names)
        # what it brought is there until kubelet clears images away that no pod needs
        [ -e "$mark" ] && ! grep -qvxF -e "$there" "$mark" && continue
        # what was there before the first try, also when that one was killed with some of it done
        [ -e "$mark.before" ] || printf '%s\n' "$there" >"$mark.before"
        case $archive in
        *.xz) xz -dc "$archive" | ctr --namespace k8s.io images import - ;;
        *.gz | *.tgz) gzip -dc "$archive" | ctr --namespace k8s.io images import - ;;
        *) ctr --namespace k8s.io images import "$archive" ;;
        esac
        there=$(names)
        {
            # of one that comes again, some of it may have stayed
            [ ! -e "$mark" ] || cat "$mark"
            printf '%s\n' "$there" | { grep -vxF -f "$mark.before" || [ $? = 1 ]; } # 1: it brought nothing new
        } | sort -u >"$mark.new"
        mv "$mark.new" "$mark"
        rm "$mark.before"
    done
done
