#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The way of an unhealthy node, from the mark to the next job on it. On the controller, as root:
#   ./unhealthy-node.sh ip-10-1-0-12            another instance takes its place, under the same name
#   ./unhealthy-node.sh ip-10-1-0-12 reboot
# The cluster must have NodeRecovery "Automatic": with "None" the service looks on, and this script ends by its timeout.
set -euo pipefail

usage() {
    cat >&2 <<USAGE
usage: $0 [--timeout MINUTES] [--force] NODE [replace|reboot]
  --timeout   how long to wait for its return (default 90)
  --force     also when jobs run on it: they are lost
USAGE
    exit 2
}

say() { printf '%s  %s\n' "$(date +%T)" "$*"; }

refuse() {
    echo "unhealthy-node: $*" >&2
    exit 2
}

minutes=90 force=
while [[ ${1:-} == --* ]]; do
    case $1 in
        --timeout)
            [[ $# -ge 2 ]] || usage
            minutes=$2
            shift
            ;;
        --force) force=yes ;;
        *) usage ;;
    esac
    shift
done
[[ $# -ge 1 && $# -le 2 && $minutes =~ ^[1-9][0-9]*$ ]] || usage
node=$1
case ${2:-replace} in
    # the agent takes these very words and no others
    replace) reason=Action:Replace ;;
    reboot) reason=Action:Reboot ;;
    *) usage ;;
esac
[[ $node =~ ^[A-Za-z0-9.-]+$ ]] || refuse "$node is not the name of one node"
[[ $EUID -eq 0 ]] || refuse "this must be run as root: Slurm lets nobody else change a node"

# one field of "scontrol show node"
field() { sed -n "s/.* $1=\([^ ]*\).*/\1/p" <<<"$shown"; }

# id of the instance that plays the node, as the service's file on the controller has it
instance() {
    python3 - "$node" /opt/ml/config/resource_config.json <<'PYTHON' 2>/dev/null || echo unknown
import json, sys
groups = json.load(open(sys.argv[2]))["InstanceGroups"]
for found in (one for group in groups for one in group["Instances"]):
    if "ip-" + found["CustomerIpAddress"].replace(".", "-") == sys.argv[1]:
        print(found["InstanceId"])
        break
else:
    print("none")
PYTHON
}

shown=$(scontrol show node --oneliner "$node") || refuse "Slurm knows no node $node (sinfo --Node)"
started=$(field SlurmdStartTime)
[[ $started != None ]] || started=
partition=$(field Partitions)
was=$(instance)
jobs=$(squeue --noheader --nodelist="$node" --states=running,completing,suspended --format=%i | xargs)
if [[ -n $jobs && -z $force ]]; then
    refuse "on $node run jobs ($jobs), which would be lost: wait for them, or say --force"
fi

say "$node: instance $was, $(field State)"
scontrol update nodename="$node" state=fail reason="$reason"
say "$node: marked with $reason"

last=
deadline=$((SECONDS + minutes * 60))
while :; do
    shown=$(scontrol show node --oneliner "$node" 2>/dev/null || true)
    state=$(field State)
    now=$(field SlurmdStartTime)
    if [[ ${state:-gone} != "$last" ]]; then
        last=${state:-gone}
        say "$node: $last"
    fi
    # back: another start of slurmd (the old "idle" counts for nothing), and nothing that holds it
    if [[ $state =~ ^(IDLE|MIXED|ALLOCATED|COMPLETING)$ && $now > $started && $now != None ]]; then
        break
    fi
    if ((SECONDS >= deadline)); then
        say "$node: not back after $minutes minutes. Look at the cluster's events and NodeRecovery; the mark stays."
        exit 1
    fi
    sleep 3
done

say "$node: back, instance $(instance) (before: $was)"
said=$(srun --nodelist="$node" --partition="${partition%%,*}" --nodes=1 --ntasks=1 --time=2 --immediate=120 hostname -s)
say "the next job has run on $said"
