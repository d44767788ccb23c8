#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove the local cluster: by the teardown playbook first, as on AWS, then the local cloud with its containers and state.
# Containers that are not the local cloud's, and the caches, stay. With --all the caches and environments go too.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cd "$ROOT"
NAME=${PODFORGE_CLOUD:-default}
STATE=${PODFORGE_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/podforge-hyperpod}/$NAME

if [[ -d $STATE ]]; then
  "$ROOT/tools/setup.sh" venv
  export ANSIBLE_HOME=$ROOT/.build/ansible-home
  # the playbook needs the API; a cloud that can't be started any more is removed all the same
  if step cloud-up 10 "starting the local cloud's API, if it is down" "$VENV/bin/python" -m local_cloud up --name "$NAME"; then
    "$VENV/bin/ansible-playbook" -i inventory/local playbooks/teardown.yml ||
      warn "the teardown playbook did not finish; the local cloud is removed whole"
  fi
  step cloud-down 20 "removing the local cloud" "$VENV/bin/python" -m local_cloud down --purge --name "$NAME"
else
  say "no local cloud named $NAME: nothing to remove"
fi

if [[ ${1:-} == --all ]]; then
  say "removing virtual environments, build folders and $CACHE"
  rm -rf -- "$ROOT/.venv" "$ROOT/.venv-core-2.21" "$ROOT/.build" "$ROOT/.ansible" "$ROOT/.mypy_cache" "$ROOT/.ruff_cache" "$CACHE"
  ! command -v podman >/dev/null ||
    podman images --quiet --filter reference='localhost/podforge-hyperpod*' | sort -u | xargs -r podman rmi --force >/dev/null
fi
