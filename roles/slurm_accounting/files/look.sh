#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What the role must know of a controller, as key=value lines.
# look.sh <folder of slurm.conf> <StateSaveLocation, where known> <certificates of the database> <seconds to wait for slurm.conf>
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
others() { # others <key>: the same in any file that slurm.conf may include
    for file in "$conf"/*.conf; do
        case ${file##*/} in slurmdbd.conf | slurm.conf) ;; *) value "$1" "$file" ;; esac
    done | tail -n 1
}
# slurmctld has been told of accounting
others AccountingStorageType | sed 's/^/storage=/'
# Where slurmctld has its state, or will have: it may be about to move from one to the other.
for dir in "$state" "$(others StateSaveLocation)" "$(value StateSaveLocation "$conf/slurm.conf")" /var/spool/slurmctld; do
    if [ -n "$dir" ] && [ -e "$dir/clustername" ]; then
        echo "state_dir=$dir"
        echo "state_id=$(sed -n -E 's/^[^|]*\|([0-9]+).*/\1/p' "$dir/clustername")"
        break
    fi
done
echo "memory=$(sed -n -E 's/^MemTotal: *([0-9]+) kB/\1/p' /proc/meminfo)"
echo "ca=$([ -s "$ca" ] && echo yes)"
echo "unapplied=$([ -e /run/podforge-slurm-accounting.unapplied ] && echo yes)"
exit 0
