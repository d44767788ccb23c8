#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Would sshd take this drop-in together with the rest of its configuration? If so a mark says that it is to be applied: a
# run that ends in between must not leave it lying. check-sshd.sh <drop-in> <mark>
set -u
candidate=$1 mark=$2
PATH=$PATH:/usr/sbin:/sbin
whole=$(mktemp) || exit 1
trap 'rm -f "$whole"' EXIT
# what is read first holds (sshd_config(5)), as that of the drop-in does by its name
{ echo "Include $candidate" && cat /etc/ssh/sshd_config; } >"$whole" || exit 1
mkdir -p /run/sshd
sshd -t -f "$whole" && touch "$mark"
