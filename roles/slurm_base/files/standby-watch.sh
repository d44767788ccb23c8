#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by the role podforge.hyperpod.slurm_base: changes made here are lost.
# A slurmctld that stands by, runs and answers nobody would not take over, and nobody would know before that day: it is
# started again. Only while the first controller serves, which a restart then costs nothing, and only if the same process
# was silent at the last look as well: for some seconds one that gives back is. Killed, as it must not write state.
# standby-watch.sh <scontrol> <own host name> <first controller>
set -u
scontrol=$1 own=$2 first=$3
mark=/run/podforge-slurm-standby.silent

pid=$(systemctl show --property=MainPID --value slurmctld.service)
answer=$(timeout 60 "$scontrol" ping 2>/dev/null)
case $answer in *" at $own is DOWN"*) silent=yes ;; *) silent=no ;; esac
case $answer in *" at $first is UP"*) ;; *) silent=no ;; esac
if [ "$silent" = no ] || [ "$pid" = 0 ]; then
    rm -f "$mark"
elif [ "$(cat "$mark" 2>/dev/null)" = "$pid" ]; then
    rm -f "$mark"
    echo "slurmctld (process $pid) stands by and answers nobody, at two looks, while $first serves: starting it again"
    systemctl kill --signal=KILL slurmctld.service # its unit starts it
else
    echo "$pid" >"$mark"
fi
