#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
set -e
resource_config=$1
own=$(hostname -I | awk '{print $1}')
group=$(jq -r --arg ip "$own" \
    '.InstanceGroups[] | select([.Instances // [] | .[].CustomerIpAddress] | index($ip)) | .Name' "$resource_config")
controller=$(jq -r '.InstanceGroups[] | select(.Name == "controller-machine") | .Instances[0].CustomerIpAddress' \
    "$resource_config")
echo "I am $own in $group, the controller is $controller"
aws s3 cp --quiet "s3://sagemaker-nodes-demo/shared/greeting" /tmp/greeting
echo "greeting: $(cat /tmp/greeting)"
echo "$own" >"/fsx/seen-by-$(hostname)"
if [[ "$group" == controller-machine ]]; then
    systemctl enable --now slurmctld
    for _ in $(seq 30); do scontrol ping && break; sleep 1; done
else
    SLURMD_OPTIONS="--conf-server $controller" envsubst </etc/systemd/system/slurmd.service >slurmd.service
    mv slurmd.service /etc/systemd/system/
    systemctl daemon-reload
    systemctl enable --now slurmd
    for _ in $(seq 30); do scontrol show node "$(hostname)" && break; sleep 1; done
fi
echo "steps done"
