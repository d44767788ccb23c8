#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# From whatever this machine has to a Slurm HyperPod cluster on it. Each step looks first; what is done is not done again.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cd "$ROOT"
NAME=${PODFORGE_CLOUD:-default}

"$ROOT/tools/setup.sh" venv containers
step image 200 "node image (built once, then cached)" "$VENV/bin/python" -m local_cloud image
step cloud-up 10 "local cloud: the API" "$VENV/bin/python" -m local_cloud up --name "$NAME" --port "${PODFORGE_PORT:-4567}"

began=$SECONDS
say "cluster: ansible-playbook -i inventory/local playbooks/cluster.yml (about $(duration "$(expected playbook 180)"))"
export ANSIBLE_HOME=$ROOT/.build/ansible-home
rc=0
"$VENV/bin/ansible-playbook" -i inventory/local playbooks/cluster.yml "$@" || rc=$?
((rc == 0)) || die "the playbook failed (exit $rc); its last task above says why" "mend that and type make cluster again: it goes on from there"
passed=$((SECONDS - began))
((passed < 30)) || printf '%d' "$passed" >"$TIMES/playbook"
say "done in $(duration "$passed")"
