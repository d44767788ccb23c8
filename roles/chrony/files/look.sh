#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Is systemd running, is chrony there and on, may this host set its clock? look.sh <unit>
grep '^CapBnd:' /proc/1/status
systemctl show --property=LoadState,ActiveState,UnitFileState,NeedDaemonReload "$1" 2>/dev/null
[ -e /run/podforge-chrony.unapplied ] && echo unapplied
systemctl is-system-running 2>/dev/null
exit 0
