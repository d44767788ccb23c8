#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Make the cluster. What a killed run has left is taken away first.
# init.sh <configuration> <key for secrets: yes or nothing> <checks to ignore, by commas> <labels and taints of workers>
set -eu
config=$1 encryption=$2 ignored=$3 labels=$4 taints=$5
mark=/var/lib/podforge/kubeadm-init.begun
key=/etc/kubernetes/podforge/encryption.yaml

# not while a backup is restored here; and what has come of that since the role looked is the cluster
exec 9>/run/podforge-kubernetes-master.lock
flock 9
if [ -e /var/lib/podforge/kubernetes-restore.json ]; then
    echo "a restore has begun on this node and has not come to its end: run playbooks/k8s_restore.yml again, which goes on" >&2
    exit 1
fi
[ -e "$mark" ] || [ ! -e /etc/kubernetes/manifests/etcd.yaml ] || exit 0
if [ -e "$mark" ]; then
    kubeadm reset --force
    # a reset that was killed has removed the manifest, by which kubeadm knows of these data
    rm -rf /var/lib/etcd/member
fi
mkdir -p "${mark%/*}"
: >"$mark"
if [ -n "$encryption" ] && [ ! -s "$key" ]; then
    umask 077
    cat >"$key.new" <<END
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [secrets]
    providers:
      - aescbc:
          keys:
            - name: podforge
              secret: $(head -c 32 /dev/urandom | base64 -w 0)
      - identity: {}
END
    mv "$key.new" "$key"
    umask 022
fi
kubeadm init --config "$config" --skip-token-print ${ignored:+--ignore-preflight-errors="$ignored"}
if [ -n "$encryption" ]; then
    # for masters that join
    kubectl --kubeconfig /etc/kubernetes/admin.conf create secret generic podforge-control-plane --namespace kube-system \
        --from-file=encryption.yaml="$key"
fi
# What workers join with, for k8s_labels.yml, which takes away what is not wanted any more. Not by their own word: a node must
# not decide on its taints.
kubectl --kubeconfig /etc/kubernetes/admin.conf create configmap podforge-node-settings --namespace kube-system \
    --from-literal=labels="$labels" --from-literal=taints="$taints"
rm "$mark"
