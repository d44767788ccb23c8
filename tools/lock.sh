#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Resolve requirements/*.in anew and write the locks, with hashes, for each Python that they serve.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=venv.sh
source "$ROOT/tools/venv.sh"

cd "$ROOT"
uv_settings "$VENV/bin/python"

# lock NAME VERSION [upgrade option]
lock() {
  say "requirements/$1-py$2.txt"
  "$VENV/bin/python" -m uv pip compile --quiet --generate-hashes --no-header --python-version "$2" "${@:3}" \
    --output-file "requirements/$1-py$2.txt" "requirements/$1.in"
}

for version in 3.11 3.12 3.13; do
  lock operator "$version" "$@"
  lock dev "$version" "$@"
done
# the nodes: the Python of Ubuntu 22.04, Debian 12 and Ubuntu 24.04
for version in 3.10 3.11 3.12; do lock node "$version" "$@"; done
for version in 3.12 3.13; do lock core-2.21 "$version" "$@"; done
for version in 3.10 3.11 3.12; do lock node "$version" --python-platform x86_64-manylinux_2_28 "$@"; done

# pip installs this one before uv is there: the same version as in the other locks
grep -E '^uv==' requirements/dev-py3.11.txt | sed 's/ .*//' |
  "$VENV/bin/python" -m uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal \
    --output-file requirements/uv.txt -
