#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Give users the administrator's kubeconfig; what they had stays beside it.
# kubeconfig.sh <users whose kubeconfig is not this cluster's...>
set -eu
moment=$(date +%Y%m%d-%H%M%S)
for user; do
    home=$(getent passwd "$user" | cut -d : -f 6)
    group=$(id -g "$user") folder=$home/.kube
    install -d -o "$user" -g "$group" -m 0700 "$folder"
    if [ -e "$folder/config" ]; then
        mv -n "$folder/config" "$folder/config.before-podforge-$moment"
    fi
    install -o "$user" -g "$group" -m 0600 /etc/kubernetes/admin.conf "$folder/config"
done
