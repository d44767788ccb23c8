#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by the role podforge.hyperpod.slurm_base: changes made here are lost.
# Prolog and epilog of Slurm on this node: runs, as root, the executable files of the folders in their order. One that
# fails or hangs is told of in the journal (journalctl --identifier=slurm-prolog) and fails neither job nor node: to Slurm
# this always ends well, and in time.
# It lies beside `true`, as Slurm is given a pattern that finds both: a node that does not have this file yet runs `true`,
# where a path without a file would drain the node.
case ${SLURM_SCRIPT_CONTEXT:-} in
    prolog_slurmd) kind=prolog ;;
    epilog_slurmd) kind=epilog ;;
    *) exit 0 ;;
esac
# slurmd waits for whoever has these open
exec </dev/null >/dev/null 2>&1
one=20 all=60 folders='' trusted=root
# shellcheck source=/dev/null
[ ! -r /etc/podforge/slurm-hooks.conf ] || . /etc/podforge/slurm-hooks.conf

tell() {
    logger --tag "slurm-$kind" --priority daemon.warning -- "job ${SLURM_JOB_ID:-?}: $*"
}

if [ "${1:-}" != run ]; then
    # Not even a folder on a file system that is gone holds this up: what can't be killed is left behind.
    trap 'tell "stopped after $all seconds"; kill -KILL -- "-$worker"' USR1
    setsid "$0" run &
    worker=$!
    setsid sh -c "sleep $all; kill -USR1 $$" &
    alarm=$!
    wait "$worker"
    kill -- "-$alarm"
    exit 0
fi

for folder in $folders; do
    for script in "$folder/$kind.d"/*; do
        if [ ! -f "$script" ] || [ ! -x "$script" ]; then continue; fi
        if [ -n "$(find -L "${script%/*}" "$script" -maxdepth 0 \( ! -user root ! -user "$trusted" -o -perm /022 \))" ]; then
            tell "$script is not run: it and its folder must belong to root or $trusted, and nobody else may write there"
            continue
        fi
        timeout --kill-after=2 "$one" systemd-cat --identifier="slurm-$kind" "$script"
        status=$?
        case $status in
            0) ;;
            124 | 137) tell "$script was stopped after $one seconds" ;;
            *) tell "$script ended with status $status" ;;
        esac
    done
done
