#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What the role must know of a node, as key=value lines, then the settings in force.
# look.sh <slurmctld|slurmd> <the other one> <folder of slurm.conf> <file of our settings> <folders...>
set -u
daemon=$1 foreign=$2 conf=$3 include=$4 dirs=$5

answers() { # answers <regular expression> <file>: yes or no
    if grep -qiE "$1" "$2" 2>/dev/null; then echo yes; else echo no; fi
}

echo "systemd=$(systemctl is-system-running 2>/dev/null)"
for unit in munge "$daemon"; do
    systemctl show --property=LoadState,ActiveState,UnitFileState,FragmentPath "$unit.service" 2>/dev/null |
        sed "s/^/$unit./"
done
echo "foreign=$(systemctl show --property=LoadState,ActiveState --value "$foreign.service" 2>/dev/null | tr '\n' ' ' |
    sed 's/ $//')"
echo "standby_timer=$(systemctl is-active podforge-slurm-standby.timer 2>/dev/null)"
fragment=$(systemctl show --property=FragmentPath --value "$daemon.service" 2>/dev/null)
[ -r "$fragment" ] && sed -n "s/^ExecStart=/$daemon.ExecStart=/p" "$fragment"

# /etc/default (Debian) and /etc/sysconfig (Red Hat) are read after a drop-in's Environment and would win over it.
# A line with nothing but the controllers is the AMI's own, of a node that it has started by itself.
variable=$(echo "$daemon" | tr '[:lower:]' '[:upper:]')_OPTIONS
for file in "/etc/default/$daemon" "/etc/sysconfig/$daemon"; do
    lines=$(grep "^[[:space:]]*$variable=" "$file" 2>/dev/null) || continue
    if echo "$lines" | grep -qvE '="?--conf-server[ =][^ "]+"?[[:space:]]*$'; then
        echo "overruled_by=$file"
    else
        echo "started_by_ami=$file"
    fi
done

for dir in $dirs; do
    [ -d "$dir" ] && stat -c "dir:%n=%U:%G" "$dir"
done
# what the service's agent has set by itself
value() { # value <key>
    sed -n -E "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*\"?([^\"#[:space:]]+).*/\\1/Ip" "$conf/slurm.conf" 2>/dev/null | tail -n 1
}
elsewhere() { # elsewhere <keys>: does a file that is not ours set one of them?
    for file in "$conf"/*.conf; do
        [ "${file##*/}" != "$include" ] && grep -qiE "^[[:space:]]*($1)[[:space:]]*=" "$file" && echo yes && return
    done
    echo no
}
echo "agents_hooks=$(elsewhere 'Prolog|Epilog')"
echo "agents_health=$(elsewhere 'HealthCheckProgram')"
echo "task_plugin=$(value TaskPlugin)"
echo "scheduler_parameters=$(value SchedulerParameters)"
printf 'rotated='
for log in slurmctld slurmd slurmdbd; do
    grep -rqsE --exclude=podforge-slurm "^[^#]*/(slurm[^/]*/\*|$log)\.log" /etc/logrotate.d &&
        printf '%s ' "$log"
done
echo
echo "slurm_conf=$(answers '^[[:space:]]*SlurmctldHost=' "$conf/slurm.conf")"
echo "slurm_conf_includes=$(answers '^[[:space:]]*include[[:space:]]+accounting\.conf' "$conf/slurm.conf")"
echo "accounting_conf_includes=$(answers "^[[:space:]]*include[[:space:]]+$include" "$conf/accounting.conf")"
echo "settings_mode=$(stat -c %U:%G:%a "$conf/$include" 2>/dev/null)"
echo "settings_unapplied=$([ -e /run/podforge-slurm.unapplied ] && echo yes)"
echo "--- settings in force"
cat "$conf/$include" 2>/dev/null
exit 0
