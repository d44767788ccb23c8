#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What the role must know of a compute node: look.sh <where pam_slurm_adopt.so should be, or nothing>
set -u
for place in ${1:-/lib/security /lib/*-linux-gnu/security /lib64/security /opt/slurm/lib/security /opt/slurm/lib64/security}; do
    case $place in *.so) ;; *) place=$place/pam_slurm_adopt.so ;; esac
    [ -r "$place" ] && echo "module=$place" && break
done
echo "usepam=$(sshd -T 2>/dev/null | sed -n 's/^usepam //p')"
