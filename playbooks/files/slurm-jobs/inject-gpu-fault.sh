#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes DCGM on this node tell of a fault that is none, so that the health agent has the node replaced or rebooted.
#   srun -w <node> sudo ./inject-gpu-fault.sh ecc      uncorrectable memory errors
#   srun -w <node> sudo ./inject-gpu-fault.sh pcie 3   PCIe replays, on GPU 3
# To undo it before the agent has seen it: systemctl restart nvidia-dcgm
set -euo pipefail

usage() {
    echo "usage: $0 [--force] ecc|pcie [GPU]" >&2
    exit 2
}

force=
if [[ ${1:-} == --force ]]; then
    force=yes
    shift
fi
[[ $# -ge 1 && $# -le 2 ]] || usage
gpu=${2:-0}
[[ $gpu =~ ^[0-9]+$ ]] || usage
case $1 in
    # DCGM_FI_DEV_ECC_DBE_VOL_DEV and DCGM_FI_DEV_PCIE_REPLAY_COUNTER
    ecc) field=319 value=4 ;;
    pcie) field=202 value=99999 ;;
    *) usage ;;
esac

fail() {
    echo "inject-gpu-fault: $*" >&2
    exit 1
}

command -v dcgmi >/dev/null || fail "dcgmi is not installed here"
here=$(hostname -s)
# the script of a batch job runs on its first node: with it goes the whole job, and nothing can be resumed
if [[ -z $force ]]; then
    led=$(squeue --noheader --states=running --nodelist="$here" --format='%B %i' | awk -v here="$here" '$1 == here { print $2 }')
    [[ -z $led ]] || fail "$here is the first node of job ${led//$'\n'/, }, which would be lost with it: take another (or --force)"
fi
echo "inject-gpu-fault: field $field of GPU $gpu on $here becomes $value"
dcgmi test --inject --gpuid "$gpu" -f "$field" -v "$value"
echo "inject-gpu-fault: done; on the controller: watch sinfo --Node --long"
