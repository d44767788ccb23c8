#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Restart sssd, and refuse nobody: sshd accepts no connection meanwhile, so that who comes waits for a moment.
# restart-sssd.sh <unit of sshd>
set -u
sshd=$(systemctl show --property=MainPID --value "$1") || exit 1
[ "$sshd" -gt 0 ] || exec systemctl restart sssd.service
# By systemd, which lets sshd go on whatever happens to this script: a node that nobody can come to is worse than one login.
exec systemd-run --quiet --collect --wait --pipe --property=RuntimeMaxSec=90 \
  --property="ExecStopPost=-/bin/sh -c 'kill -CONT $sshd'" /bin/sh -s "$sshd" <<'UNIT'
kill -STOP "$1" || exit 1
# Who is at the door already, to the end of the login; but nobody can keep sssd waiting by not logging in.
wait=50
while [ "$wait" -gt 0 ] && grep -qsaE '^sshd(-session)?: .*\[(accepted|net)\]' /proc/[0-9]*/cmdline; do
  sleep 0.1
  wait=$((wait - 1))
done
# groups and home of who has just been let in
sleep 0.5
systemctl restart sssd.service
UNIT
