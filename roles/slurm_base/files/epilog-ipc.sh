#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by the role podforge.hyperpod.slurm_base: changes made here are lost.
# Shared memory that a killed job leaves (NCCL's first of all) fills the node and can fail the next job. It goes when
# nothing of the job's user runs here any more, and no other job of that user has the node.
prefix=/opt/slurm
# shellcheck source=/dev/null
. /etc/podforge/slurm-hooks.conf
uid=${SLURM_JOB_UID:-0}
[ "$uid" -ge 1000 ] || exit 0
# the user's service manager, which outlives a login, is nobody at work
! pgrep --uid "$uid" --list-name | grep -qvE ' (systemd|\(sd-pam\)|dbus-daemon|dbus-broker(-lau.*)?)$' || exit 0

files() {
    find /dev/shm -mindepth 1 -maxdepth 1 -uid "$uid" "$@"
}
ids() { # ids <kind>
    awk -v uid="$uid" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == "uid") column = i; next }
        $column == uid { print $2 }' "/proc/sysvipc/$1"
}

# only then is slurmctld asked, which thousands of nodes may do at once when a job ends
[ -n "$(files -print -quit)$(ids shm)$(ids sem)$(ids msg)" ] || exit 0
# An allocation may have nothing that runs, between two steps. One that ends has this epilog itself.
others=$(timeout --kill-after=1 5 "$prefix/bin/squeue" --noheader --user="$uid" --states=CF,R,S,ST --format=%A \
    --nodelist="${SLURMD_NODENAME:-$(hostname -s)}") || exit 0
! printf '%s\n' "$others" | grep -qvxE "${SLURM_JOB_ID:-}|" || exit 0

files -exec rm -rf {} +
for kind in shm sem msg; do
    ids "$kind" | while read -r id; do
        setpriv --reuid="$uid" --clear-groups ipcrm "$kind" "$id"
    done
done
