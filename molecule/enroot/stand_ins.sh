#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Neither enroot nor pyxis can be had here. In /srv/enroot is what plays them: a Debian package with a program that reads
# enroot.conf as enroot does, unpacks images and runs them in a namespace of the user; and the source of a plugin of Slurm
# with the same option, files and make targets, which uses that program.
set -euo pipefail
umask 022
mkdir -p /srv/enroot/build/{DEBIAN,usr/bin,etc/enroot} /srv/enroot/pyxis-0.20.0
cd /srv/enroot

cat >build/DEBIAN/control <<'CONTROL'
Package: enroot
Version: 3.5.0-1
Architecture: all
Depends: squashfs-tools
Maintainer: x <x@example.com>
Description: plays enroot in a test
CONTROL
echo /etc/enroot/enroot.conf >build/DEBIAN/conffiles
cat >build/etc/enroot/enroot.conf <<'SETTINGS'
#ENROOT_DATA_PATH ${XDG_DATA_HOME}/enroot
ENROOT_LOGIN_SHELL no
ENROOT_MOUNT_HOME yes
SETTINGS
cat >build/usr/bin/enroot <<'PROGRAM'
#!/bin/bash
set -eu
while read -r key value; do
    case $key in ENROOT_*) declare -x "$key=$(eval "echo \"$value\"")" ;; esac
done </etc/enroot/enroot.conf
action=$1
shift
case $action in
    version) echo 3.5.0 ;;
    create) # create <name> <image>
        mkdir -p "$ENROOT_DATA_PATH" "$ENROOT_RUNTIME_PATH" "$ENROOT_CACHE_PATH"
        unsquashfs -quiet -no-progress -dest "$ENROOT_DATA_PATH/$1" "$2" >&2
        ;;
    start) # start <name> <command...>
        name=$1
        shift
        exec unshare --user --mount --map-root-user chroot "$ENROOT_DATA_PATH/$name" "$@"
        ;;
    path) echo "$ENROOT_DATA_PATH/$1" ;;
    remove) rm -rf "${ENROOT_DATA_PATH:?}/$1" ;;
esac
PROGRAM
chmod 0755 build/usr/bin/enroot
dpkg-deb --root-owner-group --build build enroot_3.5.0-1_all.deb >/dev/null

cat >pyxis-0.20.0/pyxis.c <<'SOURCE'
#define _GNU_SOURCE
#include <sched.h>
#include <slurm/spank.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

SPANK_PLUGIN(pyxis, 1)

static char image[4096];

static int remember(int value, const char *argument, int remote)
{
    (void)value, (void)remote;
    snprintf(image, sizeof(image), "%s", argument);
    return 0;
}

static struct spank_option option = {"container-image", "PATH", "[pyxis] the image to use", 1, 0, remember};

int slurm_spank_init(spank_t spank, int count, char **arguments)
{
    (void)count, (void)arguments;
    return spank_option_register(spank, &option);
}

/* as the user, before the program of the task is run */
int slurm_spank_task_init(spank_t spank, int count, char **arguments)
{
    char command[8300], path[4096] = "";
    FILE *answer;

    (void)spank, (void)count, (void)arguments;
    if (image[0] == '\0')
        return 0;
    snprintf(command, sizeof(command), "enroot create pyxis-%d '%s' && enroot path pyxis-%d", getpid(), image, getpid());
    answer = popen(command, "r");
    if (answer == NULL || fscanf(answer, "%4095s", path) != 1 || pclose(answer) != 0)
        return -1;
    if (geteuid() != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return -1;
    return chroot(path) == 0 && chdir("/") == 0 ? 0 : -1;
}
SOURCE
cat >pyxis-0.20.0/Makefile <<'RULES'
spank_pyxis.so: pyxis.c ; $(CC) -std=gnu11 -O2 -Wall -fpic $(CPPFLAGS) -shared -o $@ $<
RULES
tar -czf pyxis-0.20.0.tar.gz pyxis-0.20.0
