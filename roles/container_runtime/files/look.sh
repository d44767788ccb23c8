#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What the role must know of a node, as key=value lines, then both files that are there.
# look.sh <data-root that is wanted> <users...>
set -u
wanted=$1
shift

echo "systemd=$(systemctl is-system-running 2>/dev/null)"
for unit in docker containerd; do
    systemctl show --property=LoadState,ActiveState,UnitFileState "$unit.service" 2>/dev/null | sed "s/^/$unit./"
done
# what the unit gives dockerd beside the file: a setting that is in both is refused by it
echo "flags=$(systemctl show --property=ExecStart docker.service 2>/dev/null |
    sed -n 's/.*argv\[\]=[^ ]* \(.*\) ; ignore_errors=.*/\1/p' | sed 's/ *\$[A-Za-z_{}]*//g')"
echo "dockerd=$(command -v dockerd)"
echo "containerd=$(command -v containerd)"
# each container has one, also while dockerd is down
echo "containers=$(pgrep -c -f '^[^ ]*containerd-shim' 2>/dev/null)"
folder=$wanted
while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
echo "filesystem=$(stat --file-system --format=%T "$folder")"
for user in "$@"; do
    groups=$(id -Gn "$user" 2>/dev/null) || continue
    case " $groups " in *" docker "*) ;; *) echo "outside=$user" ;; esac
done
if [ -s /etc/docker/daemon.json ]; then
    echo "problem=$(python3 -c '
import json
try:
    found = json.load(open("/etc/docker/daemon.json", encoding="utf-8"))
    print("" if isinstance(found, dict) else "it is no dict")
except ValueError as error:
    print(error)')"
fi
echo "--- daemon.json"
cat /etc/docker/daemon.json 2>/dev/null
echo "--- config.toml"
cat /etc/containerd/config.toml 2>/dev/null
exit 0
