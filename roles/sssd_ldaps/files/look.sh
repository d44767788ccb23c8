#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What is there of sssd, sshd and homes, one answer per line. look.sh <ssh service> <mount point of homes> <programs>
set -u
ssh_unit=$1 mount=$2 programs=$3
PATH=$PATH:/usr/sbin:/sbin
say() { printf '%s=%s\n' "$1" "$2"; }

say systemd "$(systemctl is-system-running 2>/dev/null)"
for unit in sssd.service "$ssh_unit"; do
    systemctl show --property=LoadState,ActiveState,UnitFileState,User,NeedDaemonReload "$unit" 2>/dev/null |
        sed "s/^/$unit./"
done
missing=
for program in $programs; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
/usr/bin/python3 -I -c 'import pysss' 2>/dev/null || missing="$missing pysss"
say missing "${missing# }"
say version "$(sssd --version 2>/dev/null | head -n 1)"
[ -e /run/podforge-sssd.unapplied ] && say sssd_unapplied yes
[ -e /run/podforge-sshd.unapplied ] && say sshd_unapplied yes
grep -qsiE '^[[:space:]]*Include[[:space:]]+"?/etc/ssh/sshd_config\.d/\*\.conf' /etc/ssh/sshd_config && say sshd_include yes
for folder in /usr/lib /lib; do
    dropin=$folder/systemd/system/$ssh_unit.service.d/ec2-instance-connect.conf
    [ -e "$dropin" ] && say instance_connect "$dropin" && break
done
[ -n "$mount" ] && mountpoint -q "$mount" && say mounted yes
[ -e /etc/krb5.keytab ] && say keytab yes
for database in passwd group shadow; do
    grep -qsE "^$database:.*[[:space:]]sss([[:space:]]|\$)" /etc/nsswitch.conf && say "nsswitch.$database" yes
done
grep -qs pam_sss.so /etc/pam.d/common-auth /etc/pam.d/system-auth && say pam_sss yes
grep -qsE '^account[[:space:]]+required[[:space:]]+pam_sss.so' /etc/pam.d/common-account && say pam_account yes
grep -qs podforge-mkhome /etc/pam.d/common-session /etc/pam.d/sshd && say pam_home yes
command -v authselect >/dev/null 2>&1 && say authselect "$(authselect current --raw 2>/dev/null | head -n 1)"
exit 0
