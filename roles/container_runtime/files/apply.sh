#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Apply new settings; containers that run go on. apply.sh <files that have changed...>
set -u

# It may have failed a few times before (systemd's limit of starts), for a reason that is mended now.
systemctl daemon-reload
systemctl reset-failed docker.service containerd.service 2>/dev/null
# live-restore is taken by a reload, and keeps containers when dockerd ends, which it does with containerd's unit in some
# packages
if systemctl is-active --quiet docker.service; then
    systemctl reload docker.service && sleep 1
fi
case " $* " in *containerd*) systemctl restart containerd.service || exit 1 ;; esac
systemctl restart docker.service && exit 0
journalctl --unit=docker.service --lines=30 --no-pager --output=cat |
    grep -iE 'level=(error|fatal)|unable|failed to|invalid|conflict' | tail -3 >&2
exit 1
