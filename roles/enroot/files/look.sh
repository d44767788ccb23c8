#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What the role must know of a node, as key=value lines, then both files that are there.
# look.sh <plugin> <prefix of Slurm> <programs...>
set -u
plugin=$1 prefix=$2
shift 2
# plugstack.conf may name files from its own folder
cd "$prefix/etc" 2>/dev/null || cd /

echo "systemd=$(systemctl is-system-running 2>/dev/null)"
echo "enroot=$(PATH=/usr/local/bin:/usr/bin:/bin enroot version 2>/dev/null)"
[ -e "$plugin" ] && echo "plugin=$plugin"
echo "slurmctld=$(systemctl is-active slurmctld.service 2>/dev/null)"
echo "dirs=$(systemctl is-active podforge-enroot-dirs.service 2>/dev/null)"
echo "slurm=$("$prefix/bin/sinfo" --version 2>/dev/null | cut -d' ' -f2)"
echo "arch=$(uname -m)"
mountpoint -q /fsx && echo "fsx=yes"
for program in "$@"; do
    [ -e "$program" ] || continue
    mode=$(stat --format=%a "$program")
    [ "$mode" = 700 ] && echo "shut=$program" || echo "open=$program"
    dpkg-statoverride --list "$program" >/dev/null 2>&1 && echo "kept=$program"
done
# how Slurm has the plugin so far, in the file or in those that it includes
echo "pyxis=$({
    cat "$prefix/etc/plugstack.conf"
    sed -n 's/^[[:space:]]*include[[:space:]]//p' "$prefix/etc/plugstack.conf" | while read -r pattern; do
        for file in $pattern; do cat "$file"; done
    done
} 2>/dev/null | grep -m1 -E '^[[:space:]]*(required|optional)[[:space:]]+[^[:space:]]*spank_pyxis')"
echo "--- plugstack.conf"
# a file by a file: nodes that get their configuration from slurmctld can't read what a pattern stands for
sed -e 's/[[:space:]]*$//' "$prefix/etc/plugstack.conf" 2>/dev/null | while IFS= read -r line; do
    case $line in
        include*\**)
            for file in ${line#include}; do
                case $file in */pyxis.conf | *\**) ;; *) echo "include $file" ;; esac
            done
            ;;
        include*/pyxis.conf | *spank_pyxis*) ;;
        *) printf '%s\n' "$line" ;;
    esac
done
echo "--- plugstack.conf as it is"
cat "$prefix/etc/plugstack.conf" 2>/dev/null
echo "--- enroot.conf"
cat /etc/enroot/enroot.conf 2>/dev/null
exit 0
