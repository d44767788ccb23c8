# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Virtual environments from the locks in requirements/, made by uv, rebuilt only when a lock or the place changes.
# Sourced after lib.sh.

# candidates VERSION...: interpreters of these versions, the system's first
candidates() {
  local version path
  [[ -z ${PODFORGE_PYTHON:-} ]] || printf '%s\n' "$PODFORGE_PYTHON"
  for version in "$@"; do
    for path in "/usr/bin/python$version" "/usr/local/bin/python$version" "$(type -P "python$version" || true)" \
      "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python3; do
      [[ ! -x $path ]] || printf '%s\n' "$path"
    done
  done
}

# version_of PYTHON: "3.11", or nothing if it does not run or can't make virtual environments (a pyenv shim, no python3-venv)
version_of() {
  "$1" -c 'import ensurepip, sys, venv; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

# find_python VERSION...: first interpreter whose version is one of these
find_python() {
  local path version
  while read -r path; do
    version=$(version_of "$path")
    [[ -n $version && " $* " == *" $version "* ]] || continue
    printf '%s' "$path"
    return 0
  done < <(candidates "$@")
  return 1
}

# uv reads neither pip's settings nor the system's certificates by itself; people behind a mirror have both
uv_settings() {
  local python=$1 index
  export UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1 UV_NO_PROGRESS=1 UV_CACHE_DIR=${UV_CACHE_DIR:-$CACHE/uv}
  index=$("$python" -m pip config get global.index-url 2>/dev/null || true)
  [[ -z ${PIP_INDEX_URL:-$index} ]] || export UV_DEFAULT_INDEX=${PIP_INDEX_URL:-$index}
}

# fill_venv FOLDER PYTHON LOCK: the work itself
fill_venv() {
  local folder=$1 python=$2 lock=$3
  if ! "$folder/bin/python" -c 'import pip' 2>/dev/null || [[ $(cat "$folder/.podforge-place" 2>/dev/null) != "$folder" ]]; then
    "$python" -m venv --clear "$folder"
    printf '%s' "$folder" >"$folder/.podforge-place"
  fi
  "$folder/bin/python" -c 'import uv' 2>/dev/null ||
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$ROOT/requirements/uv.txt"
  uv_settings "$folder/bin/python"
  "$folder/bin/python" -m uv pip sync --python "$folder/bin/python" --require-hashes "$lock"
}

# site_of FOLDER: where its packages are
site_of() { "$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

# link_collection FOLDER: the tree itself is the installed collection, for ansible, mypy and pytest alike
link_collection() {
  local site link
  site=$(site_of "$1")
  link=$site/ansible_collections/podforge/hyperpod
  [[ $(readlink "$link" 2>/dev/null) != "$ROOT" ]] || return 0
  mkdir -p "$site/ansible_collections/podforge"
  ln -sfn "$ROOT" "$link"
}

# keep_module_code FOLDER: modules that run here are compiled once, not at each of their runs
keep_module_code() {
  local site name=podforge_kept_code
  site=$(site_of "$1")
  # the .pth is written last: it is there when all is
  [[ ! -f $site/$name.pth ]] || ! cmp -s "$ROOT/plugins/module_utils/_pull/kept_code.py" "$site/$name.py" || return 0
  rm -f "$site/$name.pth"
  cp "$ROOT/plugins/module_utils/_pull/kept_code.py" "$site/$name.py"
  printf 'import %s; %s.install("%s")\n' "$name" "$name" "$1/module-code" >"$site/$name.pth"
}

# ensure_venv FOLDER PYTHON LOCK TITLE SECONDS
ensure_venv() {
  local folder=$1 python=$2 lock=$3 title=$4 seconds=$5 stamp
  stamp=$(printf '%s\n' "$folder" "$(sha256sum <"$lock")" "$(version_of "$python")")
  exec 9>"$ROOT/.build/venv.lock"
  flock 9
  if [[ $(cat "$folder/.podforge-stamp" 2>/dev/null) != "$stamp" ]] || ! "$folder/bin/python" -c '' 2>/dev/null; then
    rm -f "$folder/.podforge-stamp"
    local name
    name=$(basename "$folder")
    if ! step "$name" "$seconds" "$title from $(basename "$lock")" fill_venv "$folder" "$python" "$lock"; then
      ! no_network "$name" ||
        die "no network: PyPI (or the mirror named in pip's configuration) can't be reached" \
          "connect this machine (behind a proxy set https_proxy), then run this again"
      die "the virtual environment $folder could not be filled" "mend what is said above, then run this again"
    fi
    printf '%s' "$stamp" >"$folder/.podforge-stamp"
  fi
  link_collection "$folder"
  keep_module_code "$folder"
  exec 9>&-
}

main_venv() {
  local python version
  # an environment that is there keeps its interpreter
  version=$(version_of "$VENV/bin/python")
  if [[ -n $version && -f $ROOT/requirements/dev-py$version.txt ]]; then
    python=$VENV/bin/python
    python=$("$python" -c 'import sys; print(sys._base_executable)')
  else
    python=$(find_python 3.11 3.12 3.13) ||
      die "no Python 3.11, 3.12 or 3.13 with the venv module was found" \
        "apt-get install python3 python3-venv, or name an interpreter: PODFORGE_PYTHON=/path/to/python3.11"
    version=$(version_of "$python")
  fi
  ensure_venv "$VENV" "$python" "$ROOT/requirements/dev-py$version.txt" "virtual environment .venv (Python $version)" 40
}

# the newest ansible-core wants a newer Python than Debian 12 has: used where one is found
newest_venv() {
  local python
  if ! python=$(find_python 3.13 3.12); then
    warn "no Python 3.12 or 3.13 here: nothing runs on ansible-core 2.21"
    return 0
  fi
  ensure_venv "$ROOT/.venv-core-2.21" "$python" "$ROOT/requirements/core-2.21-py$(version_of "$python").txt" \
    "virtual environment .venv-core-2.21 (Python $(version_of "$python"))" 30
}
