#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Would chronyd take this file? check.sh <file> <chrony.conf>
# AppArmor lets chronyd read its configuration beside chrony.conf and nowhere else (Debian and Ubuntu), so a copy is there
# while it looks.
set -u
candidate=$1 copy=$2.new
PATH=$PATH:/usr/sbin:/sbin
trap 'rm -f "$copy"' EXIT
cp "$candidate" "$copy" || exit 1
chronyd -p -f "$copy"
