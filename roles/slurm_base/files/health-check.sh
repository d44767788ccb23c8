#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by the role podforge.hyperpod.slurm_base: changes made here are lost.
# HealthCheckProgram of Slurm: runs the executable files of healthcheck.d, beside slurm.conf. One that ends with status 1
# and says why has found the node unhealthy: it is drained with that reason, and resumed when all are content again. Any
# other status is a fault of the check: the journal has it (journalctl --identifier=slurm-health), the node stays.
# A node that somebody else has drained, or that the service is about to replace, is left alone. A healthy node asks
# slurmctld once after its boot, and whenever it was not healthy: until it is known that nothing of ours drains it.
folders='' prefix=''
# shellcheck source=/dev/null
. /etc/podforge/slurm-hooks.conf
mark=/run/podforge-slurm.healthy
node=${SLURMD_NODENAME:-$(hostname -s)}
exec </dev/null

tell() {
    logger --tag slurm-health --priority daemon.warning -- "$*"
}

reason=
for check in "${folders%% *}/healthcheck.d"/*; do
    if [ ! -f "$check" ] || [ ! -x "$check" ]; then continue; fi
    said=$(timeout --kill-after=2 10 "$check" 2>/dev/null)
    status=$?
    said=$(printf '%s' "$said" | head -n 1 | tr -d '"' | cut -c 1-120)
    if [ "$status" = 1 ] && [ -n "$said" ]; then
        reason="unhealthy: $said"
        break
    fi
    [ "$status" = 0 ] || tell "$check ended with status $status, which says nothing of the node"
done
if [ -z "$reason" ] && [ -e "$mark" ]; then
    exit 0
fi
rm -f "$mark"

shown=$("$prefix/bin/scontrol" show node "$node" --oneliner) || exit 0
state=$(printf '%s' "$shown" | sed -n -E 's/.* State=([^ ]+).*/\1/p')
case $shown in
    *' Reason=unhealthy: '*) ours=yes ;;
    *) ours=no ;;
esac
case $state in
    *DRAIN* | *DOWN* | *FAIL*) out=yes ;;
    *) out=no ;;
esac
if [ -n "$reason" ]; then
    if [ "$out" = no ] || { [ "$ours" = yes ] && [ "${shown#*" Reason=$reason"}" = "$shown" ]; }; then
        tell "draining $node: $reason"
        "$prefix/bin/scontrol" update "nodename=$node" state=drain "reason=$reason"
    fi
else
    if [ "$ours" = yes ] && [ "${state#*DRAIN}" != "$state" ]; then
        tell "resuming $node: all checks are content again"
        "$prefix/bin/scontrol" update "nodename=$node" state=resume || exit 0
    fi
    : >"$mark"
fi
exit 0
