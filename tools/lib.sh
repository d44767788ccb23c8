# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What the shell scripts of tools/ share: messages, folders, root rights, steps with progress.

set -euo pipefail
export LC_ALL=C.UTF-8

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
CACHE=${PODFORGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/podforge-hyperpod}
# shellcheck disable=SC2034  # used by the scripts that source this file
VENV=$ROOT/.venv
LOGS=$ROOT/.build/logs
TIMES=$CACHE/times
mkdir -p "$LOGS" "$TIMES"

say() { printf '%s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }

# die WHAT FIX: one message that names what is wrong and what mends it
die() {
  printf 'error: %s\n' "$1" >&2
  [[ $# -lt 2 ]] || printf '  fix: %s\n' "$2" >&2
  exit 1
}

# as_root COMMAND...: run it as root, by sudo where the user is not root
as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    "$@"
  else
    sudo -- "$@"
  fi
}

# on a terminal progress is rewritten in place; elsewhere a line now and then says that work goes on
is_terminal() { [[ -t 1 && -z ${CI:-} ]]; }

duration() {
  local seconds=$1
  if ((seconds >= 90)); then
    printf '%d min %02d s' $((seconds / 60)) $((seconds % 60))
  else
    printf '%d s' "$seconds"
  fi
}

# expected NAME DEFAULT: seconds that a step took on this machine the last time it had work to do
expected() {
  local file=$TIMES/$1
  if [[ -s $file ]]; then cat "$file"; else printf '%d' "$2"; fi
}

# no_network NAME: whether the log of a step that failed says that nothing could be reached
no_network() {
  grep -qiE 'resolv|could not connect|connection (refused|timed out)|unreachable|dns error|failed to (fetch|connect)' "$LOGS/setup-$1.log"
}

# step NAME DEFAULT_SECONDS TITLE COMMAND...: run quietly, show the time gone and left, keep the log, show its end on failure
step() {
  local name=$1 default=$2 title=$3 log=$LOGS/setup-$1.log
  shift 3
  local began=$SECONDS left pid rc=0 shown=0 passed want
  want=$(expected "$name" "$default")
  say "$title (about $(duration "$want"))"
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  # shellcheck disable=SC2064  # the process id of now is meant
  trap "kill -TERM $pid 2>/dev/null || true; exit 130" INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    passed=$((SECONDS - began))
    left=$((want - passed))
    if is_terminal; then
      if ((left > 0)); then
        printf '\r\033[K  %s gone, about %s left' "$(duration "$passed")" "$(duration "$left")"
      else
        printf '\r\033[K  %s gone, longer than the last time' "$(duration "$passed")"
      fi
    elif ((passed >= shown + 30)); then
      shown=$passed
      if ((left > 0)); then say "  ${passed} s gone, about $(duration "$left") left"; else say "  ${passed} s gone"; fi
    fi
  done
  wait "$pid" || rc=$?
  trap - INT TERM
  ! is_terminal || printf '\r\033[K'
  passed=$((SECONDS - began))
  if ((rc != 0)); then
    tail -n 25 -- "$log" | sed 's/^/  | /' >&2
    printf 'error: "%s" failed (exit %d after %s); all of its output: %s\n' "$title" "$rc" "$(duration "$passed")" "$log" >&2
    return "$rc"
  fi
  ((passed < 3)) || printf '%d' "$passed" >"$TIMES/$name"
  say "  done in $(duration "$passed")"
}
