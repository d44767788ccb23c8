#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Would dockerd take this file? Before 23.0 it can't be asked: a start tells then (tasks/apply.yml).
# check.sh <file> <flags that the unit gives dockerd...>
set -u
file=$1
shift
dockerd --help 2>/dev/null | grep -q -- --validate || exit 0
exec dockerd "$@" --validate --config-file "$file"
