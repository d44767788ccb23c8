#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Would Slurm accept these settings (standard input)? Works on a copy; says why not on standard error.
# check-settings.sh <prefix> <folder of slurm.conf> <file of our settings> <keys that the operator has set>
set -u
prefix=$1 conf=$2 include=$3 keys=$4
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
status=0

refuse() {
    echo "$*" >&2
    status=1
}

for file in "$conf"/*.conf; do
    # slurmdbd.conf holds a password and says nothing about slurm.conf
    [ "${file##*/}" = slurmdbd.conf ] || cp "$file" "$work/" 2>/dev/null
done
cat >"$work/$include"
grep -qiE "^[[:space:]]*include[[:space:]]+$include" "$work/accounting.conf" 2>/dev/null ||
    echo "include $include" >>"$work/accounting.conf"
grep -qiE '^[[:space:]]*include[[:space:]]+accounting\.conf' "$work/slurm.conf" ||
    echo 'include accounting.conf' >>"$work/slurm.conf"

# Of two lines with the same key the last one counts, so a key below the include would silently win over ours.
for key in $keys; do
    line=$(awk -v key="$key" '
        tolower($0) ~ /^[ \t]*include[ \t]+accounting\.conf/ { below = 1 }
        below && index(tolower($0), tolower(key) "=") == 1 { print NR; exit }' "$work/slurm.conf")
    [ -z "$line" ] || refuse "$key: slurm.conf sets it on line $line, after it includes accounting.conf, and wins"
done

# Slurm's parser doesn't look for plugins; slurmctld would, and not come up.
plugins=$prefix/lib/slurm
if [ -d "$plugins" ]; then
    sed -n -E 's/^([A-Za-z]+(Type|Types|Plugin|Plugins))="?([^"]*)"?$/\1 \3/p' "$work/$include" |
        while read -r key values; do
            for value in $(echo "$values" | tr ',' ' '); do
                case $value in
                    */none | /*) ;;
                    */*) [ -e "$plugins/$(echo "$value" | tr / _).so" ] || echo "$key: there is no plugin $value in $plugins" ;;
                esac
            done
        done >"$work/missing-plugins"
    [ ! -s "$work/missing-plugins" ] || refuse "$(cat "$work/missing-plugins")"
fi

# It would come up, and refuse every job.
if grep -qiE '^TopologyPlugin="?topology/(tree|block)' "$work/$include" &&
    [ ! -e "$conf/topology.conf" ] && [ ! -e "$conf/topology.yaml" ]; then
    refuse "TopologyPlugin: there is no topology.conf in $conf, without which jobs are refused; the agent writes it where instance types have a topology"
fi

# Every client reads slurm.conf first, and refuses an unknown key or an impossible value by name; this one then only
# expands a list of hosts and asks nobody.
answer=$(SLURM_CONF=$work/slurm.conf "$prefix/bin/scontrol" show hostnames parsed 2>"$work/complaints")
if [ "$answer" != parsed ]; then
    refuse "$(sed -e "s#$work#$conf#g" -e 's/^scontrol: //' "$work/complaints" | grep -v '"Include" failed' | sort -u)"
fi
exit "$status"
