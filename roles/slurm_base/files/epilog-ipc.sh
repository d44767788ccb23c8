#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by the role podforge.hyperpod.slurm_base: changes made here are lost.
# Shared memory that a killed job leaves (NCCL's first of all) fills the node and can fail the next job. It goes when
# nothing of the job's user runs here any more.
uid=${SLURM_JOB_UID:-0}
[ "$uid" -ge 1000 ] || exit 0
# the user's service manager, which outlives a login, is nobody at work
! pgrep --uid "$uid" --list-name | grep -qvE ' (systemd|\(sd-pam\)|dbus-daemon)$' || exit 0
find /dev/shm -mindepth 1 -maxdepth 1 -uid "$uid" -exec rm -rf {} +
for kind in shm sem msg; do
    awk -v uid="$uid" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == "uid") column = i; next }
        $column == uid { print $2 }' "/proc/sysvipc/$kind" |
        while read -r id; do
            setpriv --reuid="$uid" --clear-groups ipcrm "$kind" "$id"
        done
done
