#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What the role must know of a node, as key=value lines.
# look.sh <patterns of image archives...>
set -u

echo "systemd=$(systemctl is-system-running 2>/dev/null)"
for unit in containerd kubelet podforge-kubernetes-api-proxy; do
    systemctl show --property=LoadState,ActiveState,UnitFileState "$unit.service" 2>/dev/null | sed "s/^/$unit./"
done
echo "kubeadm=$(kubeadm version -o short 2>/dev/null)"
echo "containerd=$(containerd --version 2>/dev/null | sed -n -E 's/.* v?([0-9]+\.[0-9]+[^ ]*).*/\1/p')"
# of what is before the first table; empty: containerd's own default
root=$(sed -n -E -e '/^ *\[/q' -e "s/^ *root *= *[\"']([^\"']*)[\"'].*/\\1/p" /etc/containerd/config.toml 2>/dev/null | head -n 1)
echo "root=${root}"
echo "shims=$(pgrep -c -f '^[^ ]*containerd-shim' 2>/dev/null)"
echo "nvidia_runtime=$([ -x /usr/bin/nvidia-container-runtime ] && echo yes)"
echo "haproxy=$([ -x /usr/sbin/haproxy ] && echo yes)"
echo "cgroup2=$([ -e /sys/fs/cgroup/cgroup.controllers ] && echo yes)"
echo "container=$(systemd-detect-virt --quiet --container 2>/dev/null && echo yes)"
echo "key=$([ -s /etc/apt/keyrings/podforge-kubernetes.asc ] && echo yes)"
# modules that the kernel has, whether built in or loaded
echo "modules=$([ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] && grep -q overlay /proc/filesystems && echo yes)"
# plugins of the distribution's package, where the one of Kubernetes has put none
for plugin in /usr/lib/cni/* /usr/libexec/cni/*; do
    [ -x "$plugin" ] && [ ! -e "/opt/cni/bin/${plugin##*/}" ] && cni=missing
done
echo "cni=${cni:-}"
# archives whose images are not in containerd's data of today, or were cleared away by kubelet
[ $# = 0 ] || there=$(timeout 20 ctr --namespace k8s.io images list -q 2>/dev/null) || unset there
for pattern; do
    for archive in $pattern; do # the pattern is meant to be expanded
        [ -f "$archive" ] || continue
        mark="$root/podforge-images/$(stat -c '%n %s %Y' "$archive" | sha256sum | cut -c 1-32)"
        if [ -z "$root" ] || [ ! -e "$mark" ] || { [ -n "${there+x}" ] && grep -qvxF -e "$there" "$mark"; }; then
            new=$((${new:-0} + 1))
        fi
    done
done
echo "archives=${new:-0}"
exit 0
