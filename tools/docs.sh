#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Reference pages (reStructuredText) of every module, plugin and role, in .build/docs.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cd "$ROOT"
target=$ROOT/.build/docs
rm -rf -- "$target"
mkdir -p "$target"
chmod 0755 "$target"
export PATH=$VENV/bin:$PATH ANSIBLE_HOME=$ROOT/.build/ansible-home
step docs 15 "writing the reference pages" \
  "$VENV/bin/antsibull-docs" collection --use-current --squash-hierarchy --fail-on-error --dest-dir "$target" podforge.hyperpod
say "start at $target/index.rst"
