#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What the role must know of a master, as key=value lines.
# look.sh <units of timers, by commas> <when to back up, or nothing> <users who get a kubeconfig...>
set -u
units=$1 schedule=$2
shift 2
manifests=/etc/kubernetes/manifests admin=/etc/kubernetes/admin.conf

echo "kubeadm=$(kubeadm version -o short 2>/dev/null)"
if [ -e /var/lib/podforge/kubernetes-restore.json ]; then
    echo "state=restoring" # a restore of a backup was killed
elif [ -e /var/lib/podforge/kubeadm-init.begun ]; then
    echo "state=half" # an init or a join was killed
elif [ -s $admin ]; then
    echo "state=initialised"
elif [ -n "$(ls -A $manifests 2>/dev/null)" ] || [ -e /etc/kubernetes/kubelet.conf ]; then
    echo "state=foreign"
else
    echo "state=new"
fi
argument() { # argument <component> <name>
    sed -n -E "s/^ *- --$2=(.*)/\\1/p" "$manifests/$1.yaml" 2>/dev/null
}
echo "pod_cidr=$(argument kube-controller-manager cluster-cidr)"
echo "service_cidr=$(argument kube-apiserver service-cluster-ip-range)"
case "$(argument kube-apiserver encryption-provider-config)" in
/etc/kubernetes/podforge/encryption.yaml) encryption=True ;;
'') [ ! -e $manifests/kube-apiserver.yaml ] || encryption=False ;;
esac # another file is its owner's
echo "encryption=${encryption:-}"
echo "audit=$(argument kube-apiserver audit-policy-file)"
echo "endpoint=$(sed -n 's|^ *server: https://||p' $admin 2>/dev/null | head -n 1)"
echo "kubelet=$(systemctl is-active kubelet 2>/dev/null)"
if [ -n "$schedule" ] && command -v systemd-analyze >/dev/null; then
    schedule_is=$(systemd-analyze calendar -- "$schedule" >/dev/null 2>&1 || echo wrong)
fi
echo "schedule=${schedule_is:-}"
flannel=$([ -s $admin ] && timeout 20 kubectl --kubeconfig $admin get --namespace kube-flannel daemonset kube-flannel-ds \
    --output name 2>/dev/null)
# what was applied to the end, of this file
sha256sum --check --status /var/lib/podforge/kubernetes-flannel.applied 2>/dev/null || flannel=
echo "flannel=${flannel:+yes}"
for unit in $(printf '%s' "$units" | tr , ' '); do
    echo "$unit=$(systemctl is-enabled "$unit.timer" 2>/dev/null) $(systemctl is-active "$unit.timer" 2>/dev/null)"
done
# of_today <kubeconfig>: whether it has this cluster's CA and the administrator's certificate; contexts are its user's
of_today() {
    for key in certificate-authority-data client-certificate-data; do
        line=$(grep -o -m 1 "$key: .*" $admin 2>/dev/null) && grep -q -F -e "$line" "$1" 2>/dev/null || return 1
    done
}
for user; do
    home=$(getent passwd "$user" | cut -d : -f 6)
    if [ -z "$home" ]; then
        unknown="${unknown:+$unknown,}$user"
    elif ! of_today "$home/.kube/config"; then
        without="${without:+$without,}$user"
    fi
done
printf '%s\n' "unknown=${unknown:-}" "without=${without:-}"
exit 0
