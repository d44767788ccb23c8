#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Would chronyd take this file? If so it is put in place, and a mark says so until chronyd has been started with it:
# a run that ends in between must not leave it lying. check.sh <file> <chrony.conf> <mark>
# AppArmor lets chronyd read its configuration beside chrony.conf and nowhere else (Debian and Ubuntu), so a copy is there
# while it looks.
set -u
candidate=$1 copy=$2.new mark=$3
PATH=$PATH:/usr/sbin:/sbin
trap 'rm -f "$copy"' EXIT
cp "$candidate" "$copy" || exit 1
chronyd -p -f "$copy" && touch "$mark"
