#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# sh -c apply.sh <note> <changed files> <components>: what was removed ends, what has changed starts anew, all the rest runs.
# Prints a line for each that it has started or ended; fails with the journal of the first one that doesn't start.
set -eu
note=$1 changed=" $2 " wanted=$3
[ -d /run/systemd/system ] || exit 0 # an image build
[ -z "$2" ] || systemctl daemon-reload
for file in $2; do
    case $file in podforge-metrics-*.service) ;; *) continue ;; esac
    [ -e "/etc/systemd/system/$file" ] && continue
    systemctl stop "$file" 2>/dev/null || true
    rm -f "/etc/systemd/system/multi-user.target.wants/$file"
    echo "ended $file"
done
for component in $wanted; do
    unit=podforge-metrics-$component.service
    verb=start
    case $changed in *" $unit "*) verb=restart ;; esac
    case $component$changed in
    otel-collector*" otel-collector.yaml "* | slurm-exporter*" slurm_metrics.py "*) verb=restart ;;
    esac
    before=$(systemctl show --property=ActiveState --value "$unit")
    systemctl is-enabled --quiet "$unit" || systemctl --quiet enable "$unit"
    if ! systemctl "$verb" "$unit" 2>/dev/null; then
        echo "$unit does not start:" >&2
        journalctl --unit="$unit" --lines=15 --no-pager --output=cat >&2
        exit 1
    fi
    after=$(systemctl show --property=ActiveState --value "$unit")
    if [ "$verb" = restart ] || [ "$before" != "$after" ]; then echo "started $unit"; fi
done
rm -f "$note"
