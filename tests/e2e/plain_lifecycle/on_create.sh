#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# A lifecycle script as teams write them today: bash, jq, the AWS CLI's stand-in on the node, scontrol. It knows only what
# the service documents.
set -ex

LOG=/var/log/provision/provisioning.log
mkdir -p /var/log/provision
exec > >(tee -a "$LOG") 2>&1

echo "[start] on_create.sh in $PWD, HOME=${HOME:-unset}"
cd "$(dirname "$0")"
# a file that came along from S3
greeting=$(cat greeting.txt)

config=${SAGEMAKER_RESOURCE_CONFIG_PATH:-/opt/ml/config/resource_config.json}
parameters=/opt/ml/config/provisioning_parameters.json
mine=$(hostname | sed 's/^ip-//; s/-/./g')
group=$(jq -r --arg ip "$mine" '.InstanceGroups[] | select(.Instances[]?.CustomerIpAddress == $ip) | .Name' "$config")
controller_group=$(jq -r .controller_group "$parameters")
controller=$(jq -r --arg g "$controller_group" '.InstanceGroups[] | select(.Name == $g) | .Instances[0].CustomerIpAddress' "$config")

systemctl enable --now munge
if [[ $group == "$controller_group" ]]; then
  # the daemon is there and off: turn it on, and wait until it answers
  systemctl enable --now slurmctld
  for _ in $(seq 60); do scontrol ping | grep -q UP && break; sleep 1; done
  scontrol ping
else
  mkdir -p /etc/sysconfig /etc/default
  echo "SLURMD_OPTIONS=\"--conf-server $controller\"" | tee /etc/default/slurmd >/etc/sysconfig/slurmd
  systemctl enable --now slurmd
fi
echo "$greeting from $group" >"/fsx/plain-$group"
echo "[done]"
