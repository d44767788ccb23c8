#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Build pyxis for one version of Slurm, once for all nodes, and install the plugin on this one.
# build-pyxis.sh <archive> <folder for this version> <prefix of Slurm> <plugin>
set -eu
archive=$1 folder=$2 prefix=$3 plugin=$4

mkdir -p "$folder"
# the first one builds, the others wait
exec 9>"$folder/lock"
flock --timeout 600 9
if [ ! -s "$folder/spank_pyxis.so" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    tar -x --strip-components=1 -C "$work" -f "$archive"
    make -C "$work" CPPFLAGS="-I$prefix/include" >"$work/log" 2>&1 || {
        tail -5 "$work/log" >&2
        exit 1
    }
    cp "$work/spank_pyxis.so" "$folder/.new.$(hostname)"
    mv "$folder/.new.$(hostname)" "$folder/spank_pyxis.so"
fi
install -D --mode=0644 "$folder/spank_pyxis.so" "$plugin"
