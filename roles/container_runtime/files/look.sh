#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What the role must know of a node, as key=value lines, then the files that are there.
# look.sh <data-root that is asked for, or nothing> <the role's own> <users...>
set -u
asked=$1 own=$2
shift 2

# the folder itself, or the one above it that is there
above() {
    folder=$1
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    echo "$folder"
}

# data that others have put on a disk of this node that is not the root volume
is_well_placed() {
    case $1 in /*) ;; *) return 1 ;; esac
    folder=$(above "$1")
    case $(stat --file-system --format=%T "$folder") in lustre | nfs*) return 1 ;; esac
    [ "$(stat --format=%d "$folder")" != "$(stat --format=%d /)" ]
}

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
for user in "$@"; do
    groups=$(id -Gn "$user" 2>/dev/null) || continue
    case " $groups " in *" docker "*) ;; *) echo "outside=$user" ;; esac
done
docker=
if [ -s /etc/docker/daemon.json ]; then
    echo "problem=$(python3 -c '
import json
try:
    found = json.load(open("/etc/docker/daemon.json", encoding="utf-8"))
    print("" if isinstance(found, dict) else "it is no dict")
except ValueError as error:
    print(error)')"
    docker=$(python3 -c '
import json
print(json.load(open("/etc/docker/daemon.json", encoding="utf-8")).get("data-root") or "")' 2>/dev/null)
fi
# above the first table
containerd=$(sed -n "/^[[:space:]]*\[/q; s/^[[:space:]]*root[[:space:]]*=[[:space:]]*[\"']\(.*\)[\"'].*/\1/p" \
    /etc/containerd/config.toml 2>/dev/null)
echo "docker.root=$docker"
echo "containerd.root=$containerd"
is_well_placed "$docker" && echo "docker.kept=$docker" && own=$docker
is_well_placed "$containerd" && echo "containerd.kept=$containerd"
echo "filesystem=$(stat --file-system --format=%T "$(above "${asked:-$own}")")"
# containers, also those that are stopped, and volumes: each has a folder
echo "data=$(find "${docker:-/var/lib/docker}/containers" "${docker:-/var/lib/docker}/volumes" \
    -mindepth 1 -maxdepth 1 -type d 2>/dev/null | wc -l)"
echo "--- daemon.json"
cat /etc/docker/daemon.json 2>/dev/null
echo "--- config.toml"
cat /etc/containerd/config.toml 2>/dev/null
for unit in docker containerd; do
    echo "--- $unit.service"
    cat "/etc/systemd/system/$unit.service.d/50-podforge.conf" 2>/dev/null
done
exit 0
