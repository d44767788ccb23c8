#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# tools/sudo.sh COMMAND...: run it as root. A user with sudo keeps the own home folder (caches) and gets the files back after it.
set -euo pipefail

if [[ $(id -u) -eq 0 ]]; then
  exec "$@"
fi
if ! command -v sudo >/dev/null; then
  printf 'error: containers with systemd need root here, and there is no sudo\n  fix: run this as root, or install sudo\n' >&2
  exit 1
fi
if ! sudo -n true 2>/dev/null && { [[ ! -t 0 ]] || ! sudo -v; }; then
  printf 'error: containers with systemd need root here, and sudo asks for a password that nobody can type\n  fix: run this as root\n' >&2
  exit 1
fi

# what a run may depend on; credentials travel through the environment, never through arguments
keep=HOME,PATH,CI,TERM,LANG,LC_ALL,http_proxy,https_proxy,no_proxy,SSL_CERT_FILE,REQUESTS_CA_BUNDLE,XDG_CACHE_HOME,XDG_STATE_HOME
keep+=,$(compgen -e | grep -E '^(PODFORGE|AWS|PIP|UV|ANSIBLE|MOLECULE|BENCH)_' | paste -sd, || true)
cache=${PODFORGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/podforge-hyperpod}
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

give_back() {
  local path
  for path in "$root"/.venv* "$root"/{.build,.ansible,local_cloud,plugins,tests,tools} "$cache"/{times,ansible-test,uv}; do
    [[ ! -e $path ]] || sudo find "$path" -xdev -user root -exec chown -h "$(id -u):$(id -g)" {} + 2>/dev/null || true
  done
}
trap give_back EXIT
sudo --preserve-env="${keep%,}" -- "$@"
