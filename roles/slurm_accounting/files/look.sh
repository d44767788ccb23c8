#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What the role must know of a controller, as key=value lines.
# look.sh <folder of slurm.conf> <StateSaveLocation> <certificates of the database> <seconds to wait for slurm.conf>
set -u
conf=$1 state=$2 ca=$3 patience=$4

value() { # value <key> <files...>: what Slurm takes for the key, which is the last one
    key=$1
    shift
    sed -n -E "s/^[[:space:]]*${key}[[:space:]]*=[[:space:]]*\"?([^\"#[:space:]]+).*/\\1/Ip" "$@" 2>/dev/null | tail -n 1
}

# The agent writes it, and it may be about to.
until [ -n "$(value ClusterName "$conf/slurm.conf")" ] || [ "$patience" -le 0 ]; do
    sleep 1
    patience=$((patience - 1))
done

echo "systemd=$(systemctl is-system-running 2>/dev/null)"
for unit in munge mariadb slurmdbd slurmctld; do
    systemctl show --property=LoadState,ActiveState,UnitFileState "$unit.service" 2>/dev/null |
        sed "s/^/$unit./"
done
echo "cluster=$(value ClusterName "$conf/slurm.conf")"
# in the agent's own file: the service has set up the accounting
echo "agents_storage=$(value AccountingStorageType "$conf/slurm.conf")"
# in any file that slurm.conf includes: slurmctld has been told of accounting
for file in "$conf"/*.conf; do
    case ${file##*/} in slurmdbd.conf | slurm.conf) ;; *) value AccountingStorageType "$file" ;; esac
done | sed -n '$s/^/storage=/p'
echo "state_id=$(sed -n -E 's/^[^|]*\|([0-9]+).*/\1/p' "$state/clustername" 2>/dev/null)"
echo "memory=$(sed -n -E 's/^MemTotal: *([0-9]+) kB/\1/p' /proc/meminfo)"
echo "ca=$([ -s "$ca" ] && echo yes)"
echo "unapplied=$([ -e /run/podforge-slurm-accounting.unapplied ] && echo yes)"
exit 0
