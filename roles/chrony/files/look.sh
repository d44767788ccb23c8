#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Is systemd running, is chrony there and on, may this host set its clock, are other daemons off?
# look.sh <unit> <other units...>
grep '^CapBnd:' /proc/1/status
systemctl show --property=LoadState,ActiveState,UnitFileState "$1" 2>/dev/null
shift
# a blank line between units; the values in systemd's own order
systemctl show --property=LoadState,ActiveState "$@" 2>/dev/null | sed 's/^/other./'
systemctl is-system-running 2>/dev/null
exit 0
