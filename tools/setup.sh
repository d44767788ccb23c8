#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Bring this machine to the state that a target needs:  tools/setup.sh venv | containers | core-2.21 ...
# Each part looks first and does nothing when all is there. What is missing and can't be mended here is named, all at once.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=venv.sh
source "$ROOT/tools/venv.sh"

os_release() { sed -n "s/^$1=\"\?\([^\"]*\)\"\?\$/\1/p" /etc/os-release 2>/dev/null || true; }
OS_ID=$(os_release ID)
OS_VERSION=$(os_release VERSION_ID)
problems=()

problem() { problems+=("$1"$'\n'"  fix: $2"); }

stop_on_problems() {
  ((${#problems[@]} > 0)) || return 0
  printf 'error: %s\n' "${problems[@]}" >&2
  exit 1
}

check_os() {
  case "$OS_ID $OS_VERSION" in
    "debian 12" | "ubuntu 22.04" | "ubuntu 24.04") ;;
    *)
      [[ -n ${PODFORGE_ANY_OS:-} ]] ||
        problem "this is $OS_ID $OS_VERSION; Debian 12, Ubuntu 22.04 and Ubuntu 24.04 are supported" \
          "use one of them (a virtual machine will do), or set PODFORGE_ANY_OS=1 to try all the same"
      ;;
  esac
}

# free MiB of the file system that holds a path which may not exist yet
free_mib() {
  local path=$1
  while [[ ! -e $path ]]; do path=$(dirname -- "$path"); done
  df -Pm -- "$path" | awk 'NR == 2 {print $4}'
}

check_disk() {
  local path=$1 need=$2 have
  have=$(free_mib "$path")
  ((have >= need)) || problem "$path has $have MiB free, $need MiB are needed" \
    "make room there, or move the caches with PODFORGE_CACHE=<folder>"
}

packages_for() {
  case $1 in
    venv) printf '%s\n' ca-certificates git make python3 python3-venv openssh-client ;;
    lint) printf '%s\n' shellcheck ;;
    containers)
      printf '%s\n' podman runc conmon iptables iproute2 mmdebstrap zstd
      # Ubuntu 22.04 has podman 3.4, which has no netavark
      if [[ $OS_ID == ubuntu && $OS_VERSION == 22.04 ]]; then
        printf '%s\n' containernetworking-plugins
      else
        printf '%s\n' netavark aardvark-dns
      fi
      # the nodes are Debian: their packages are verified with Debian's keys
      [[ $OS_ID != ubuntu ]] || printf '%s\n' debian-archive-keyring
      ;;
  esac
  # Ubuntu 22.04's own Python is 3.10, ansible-core 2.19 wants 3.11 or later
  if [[ $1 == venv && $OS_ID == ubuntu && $OS_VERSION == 22.04 ]]; then
    printf '%s\n' python3.11 python3.11-venv
  fi
}

missing_packages() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
  done
}

apt_install() {
  local options=(-q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3)
  # the lists may be absent or too old to fetch from: try what is there, then refresh them
  as_root env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" --no-install-recommends install "$@" && return
  as_root apt-get "${options[@]}" update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" --no-install-recommends install "$@"
}

install_packages() {
  local wanted missing
  mapfile -t wanted < <(for part in "$@"; do packages_for "$part"; done | sort -u)
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  ((${#missing[@]} > 0)) || return 0
  if [[ $(id -u) -ne 0 ]]; then
    command -v sudo >/dev/null ||
      die "packages are missing (${missing[*]}) and this is neither root nor is there sudo" \
        "as root: apt-get install ${missing[*]}"
    sudo -n true 2>/dev/null || { [[ -t 0 ]] && sudo -v; } ||
      die "packages are missing (${missing[*]}) and sudo asks for a password that nobody can type here" \
        "as root: apt-get install ${missing[*]}"
  fi
  step apt 60 "installing Debian packages: ${missing[*]}" apt_install "${missing[@]}" && return
  ! no_network apt ||
    die "no network: the Debian mirrors can't be reached" \
      "connect this machine (behind a proxy set http_proxy and https_proxy), then run this again"
  die "the packages could not be installed: ${missing[*]}" "mend what apt says above, then run this again"
}

check_containers() {
  if [[ $(id -u) -ne 0 ]]; then
    problem "containers with systemd need root here" "run this target as root or with sudo"
    return 0
  fi
  local message
  if ! message=$(podman info --format '{{.Host.OCIRuntime.Name}}' 2>&1); then
    problem "podman does not work on this machine: $(tail -n 1 <<<"$message")" "make 'podman info' succeed first"
  fi
  check_disk "$(podman info --format '{{.Store.GraphRoot}}' 2>/dev/null || echo /var/lib/containers)" 4000
}

main() {
  local part parts=("$@")
  check_os
  command -v apt-get >/dev/null || problem "there is no apt-get here" "use Debian 12 or Ubuntu 22.04/24.04"
  check_disk "$CACHE" 3000
  check_disk "$ROOT" 2000
  stop_on_problems
  install_packages "${parts[@]}"
  for part in "${parts[@]}"; do
    case $part in
      venv) main_venv ;;
      core-2.21) newest_venv ;;
      containers) check_containers ;;
      lint) ;;
      *) die "tools/setup.sh: no such part: $part" "venv, lint, containers, core-2.21" ;;
    esac
  done
  stop_on_problems
}

main "$@"
