#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# minimal crictl stand-in (cri-tools is not in Debian): enough for kubeadm 1.20; goes to containerd with ctr
sock=/run/containerd/containerd.sock
while [ $# -gt 0 ]; do case $1 in -r|--runtime-endpoint) sock=${2#unix://}; shift 2;; -i|--image-endpoint|-t|--timeout) shift 2;; *) break;; esac; done
C="ctr -a $sock -n k8s.io"
case $1 in
 info) $C version ;;
 pods) $C containers ls -q ;;
 inspecti) $C images ls -q | grep -Fxq "$2" ;;
 pull) $C images pull "$2" ;;
 images) $C images ls ;;
 ps) $C tasks ls ;;
 stopp|rmp) for i in "${@:2}"; do $C tasks kill -s KILL "$i" 2>/dev/null; $C tasks rm "$i" 2>/dev/null; $C containers rm "$i" 2>/dev/null; done; true ;;
 *) echo "crictl stand-in: $*" >&2; exit 1;;
esac
