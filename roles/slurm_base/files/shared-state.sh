#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The state that several slurmctld share: may this one run with it? Asked by the role, and by slurmctld's unit at each start:
# a slurmctld that takes over with an empty folder, because storage is not mounted, would end all jobs.
# shared-state.sh check|make <folder> <user> <group> <own host name> <first controller> [<folder of a lone slurmctld>]
# Status 0: yes. 1: no, and a human must mend it. 2: no, the role makes it. 3: not before the first controller has made it.
set -u
umask 022 # slurmctld must get through the folders, whatever root's is
what=$1 state=$2 user=$3 group=$4 own=$5 first=$6 lone=${7:-}
marks=$(dirname "$state")/controllers

no() { # no <status> <why>
    echo "$2" >&2
    exit "$1"
}

nearest() { # the deepest part of a path that is there
    there=$1
    until [ -e "$there" ]; do there=$(dirname "$there"); done
    echo "$there"
}

# Whoever could exchange a folder on the way would own the queue, and slurmctld starts jobs as any user.
usable() {
    there=$(nearest "$state")
    mount=$(stat -c %m "$there")
    [ "$mount" != / ] || no 1 "$state is on the root disk of this node: mount the storage that all controllers share first"
    while [ "$there" != / ]; do
        [ ! -L "$there" ] || no 1 "$there is a symbolic link: name the folder itself"
        owner=$(stat -c %U "$there")
        [ "$owner" = root ] || [ "$owner" = "$user" ] ||
            no 1 "$there belongs to $owner, who could exchange $state: it must be root's or $user's"
        mode=$(stat -c %A "$there")
        case $mode in
            ?????w???[!tT] | ????????w[!tT])
                no 1 "$there ($mode) can be written by others, who could exchange $state: chmod go-w or chmod +t" ;;
        esac
        [ "$there" != "$mount" ] || break
        there=$(dirname "$there")
    done
}

right() {
    [ ! -e "$marks/.restoring" ] ||
        no 3 "$state is being restored: podforge-slurm-backup on $first ends that (save), or does it again (restore)"
    [ -d "$state" ] || no 2 "$state is not there: run the role slurm_base on this controller"
    seen=$(stat -c %U:%G:%a "$state")
    [ "$seen" = "$user:$group:700" ] || no 2 "$state is $seen and must be $user:$group:700: run the role slurm_base"
    [ -e "$marks/$own" ] || no 2 "$state has not been handed to this controller: run the role slurm_base on it"
    [ -e "$marks/$first" ] ||
        no 3 "$state has no mark of $first, the first controller: it has not run the role slurm_base yet, or has other storage there"
}

usable
[ "$what" = make ] || {
    right
    exit 0
}

mkdir -p "$state" "$marks" && chmod 0755 "$marks" || exit 1
chown "$user:$group" "$state" && chmod 0700 "$state" || exit 1
# The lone slurmctld of a cluster that gets a second one: its jobs go on. Taken over as a whole or not at all, and never in
# the place of a state that was in use, as on a first controller that was replaced.
if [ "$own" = "$first" ] && [ -e "$lone/clustername" ] && [ ! -e "$state/clustername" ]; then
    # a start from here on is one with the check above
    systemctl daemon-reload && systemctl stop slurmctld.service || exit 1
    rm -rf "$state.part" && cp -a "$lone/." "$state.part" || exit 1
    chown "$user:$group" "$state.part" && chmod 0700 "$state.part" || exit 1
    mv -T "$state.part" "$state" || exit 1 # in one step, and only in the place of an empty folder
fi
: >"$marks/$own" || exit 1
right
