#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What the role must know of a node, as key=value lines.
# look.sh <services...>
echo "machine=$(uname -m)"
echo "program=$([ -x /usr/bin/mount-s3 ] && echo yes)"
echo "systemd=$([ -d /run/systemd/system ] && echo yes)"
for unit in "$@"; do
    echo "$unit=$(systemctl is-active "$unit" 2>/dev/null) $(systemctl is-enabled "$unit" 2>/dev/null)"
done
exit 0
