#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Let only root call programs, or everybody again, also after their package has been upgraded: close.sh <shut|open> <programs...>
set -eu
wish=$1
shift
mode=0755
[ "$wish" = shut ] && mode=0700
for program in "$@"; do
    if command -v dpkg-statoverride >/dev/null; then
        if dpkg-statoverride --list "$program" >/dev/null; then dpkg-statoverride --remove "$program"; fi
        if [ "$wish" = shut ]; then dpkg-statoverride --add root root "$mode" "$program"; fi
    fi
    chmod "$mode" "$program"
done
