#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The test of a node's GPUs by dcgmi diag, for node_health.py; alone: bash dcgm.sh
# HC_TEST_PARAMS is a JSON object: {"level": 3}; 2 is the default, 4 the longest.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
host=$(hostname -s)
end() {
    echo "HEALTH_CHECK_RESULT:$host:$1"
    exit 0
}

level=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1] or "{}").get("level", 2))' "${HC_TEST_PARAMS:-}") ||
    end "Skipped:none:HC_TEST_PARAMS is no JSON object"
case $level in
    1 | 2) minutes=30 ;;
    3) minutes=60 ;;
    4) minutes=180 ;;
    *) end "Skipped:none:level is 1 to 4, not $level" ;;
esac
command -v dcgmi >/dev/null || end "Skipped:none:dcgmi is not installed"

output=${HC_RESULTS_DIR:-$(mktemp -d)}/dcgm-$host-${HC_TIMESTAMP:-$(date +%Y%m%dT%H%M%S)}.json
echo "dcgm: level $level, up to $minutes minutes; output in $output"
status=0
timeout --kill-after=30 "${minutes}m" dcgmi diag -r "$level" -j >"$output" 2>&1 || status=$?
# a node that hangs wants a person: neither a reboot nor another instance is sure to help
[[ $status -ne 124 && $status -ne 137 ]] || end "Failed:none:dcgmi diag -r $level did not end in $minutes minutes"
end "$(python3 "$here/judge_dcgm.py" "$output")"
