#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Give users the administrator's kubeconfig; one that they had stays beside it.
# kubeconfig.sh <users...>
set -eu
for user; do
    home=$(getent passwd "$user" | cut -d : -f 6)
    if [ -z "$home" ]; then
        echo "kubeadm_master_kubeconfig_users: there is no user $user on this node" >&2
        exit 1
    fi
    group=$(id -g "$user") folder=$home/.kube
    install -d -o "$user" -g "$group" -m 0700 "$folder"
    if [ -e "$folder/config" ] && ! cmp -s /etc/kubernetes/admin.conf "$folder/config"; then
        mv "$folder/config" "$folder/config.before-podforge"
    fi
    install -o "$user" -g "$group" -m 0600 /etc/kubernetes/admin.conf "$folder/config"
done
