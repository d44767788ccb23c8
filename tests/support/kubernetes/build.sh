#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Make packages/ and images/ of Kubernetes 1.20.2 in a folder, from Debian 12's source package, in a container of the node
# image. build.sh <folder>
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

if [ "${1:-}" != --inside ]; then
    out=$1
    cd "$here/../../.."
    answer=$("${PYTHON:-python3}" -m local_cloud.ami --json)
    words() { # words <key>: a list of the answer
        python3 -c 'import json, sys; print(*json.loads(sys.argv[1])[sys.argv[2]])' "$answer" "$1"
    }
    read -r -a runtime < <(words runtime_args)
    read -r -a limits < <(words run_args | sed 's/--systemd=[a-z]* *//')
    image=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["image"])' "$answer")
    exec podman "${runtime[@]}" run --rm --network=host "${limits[@]}" \
        --volume "$here:/recipe:ro" --volume "$out:/out" "$image" bash /recipe/build.sh --inside
fi

# --- in the container -------------------------------------------------------------------------------------------------
export DEBIAN_FRONTEND=noninteractive CGO_ENABLED=0 GOPROXY=off GOTOOLCHAIN=local GOFLAGS=-mod=vendor
export PATH=/usr/lib/go-1.19/bin:$PATH
version=1.20.5+really1.20.2-1.1+deb12u1 release=1.20.2
work=/var/tmp/kubernetes
mkdir -p $work /out/packages /out/images
cd $work

# the sources of the suite, and of the one before it, which has the last CNI plugin for flannel
mirror=$(sed -n -E 's/^deb (\[.*\] )?([^ ]+) bookworm main.*/\2/p' /etc/apt/sources.list | head -n 1)
cat >/etc/apt/sources.list.d/recipe.list <<END
deb-src $mirror bookworm main
deb $mirror bullseye main
END
printf 'Package: *\nPin: release n=bullseye\nPin-Priority: 50\n' >/etc/apt/preferences.d/recipe
apt-get -o Acquire::Check-Valid-Until=false update -q
apt-get install -y -q --no-install-recommends dpkg-dev golang-1.19-go golang-1.19-src make rsync gcc libc6-dev \
    golang-github-modern-go-reflect2-dev golang-github-json-iterator-go-dev \
    busybox-static conntrack etcd-server etcd-client iptables

apt-get source --download-only "kubernetes=$version"
dpkg-source --no-check -x kubernetes_*.dsc source
# 1.0.1 of the vendored reflect2 panics under Go 1.18 and later
for library in modern-go/reflect2 json-iterator/go; do
    cp /usr/share/gocode/src/github.com/$library/*.go source/vendor/github.com/$library/
    cp /usr/share/gocode/src/github.com/$library/*.s source/vendor/github.com/$library/ 2>/dev/null || true
done
cd source
components=(kubeadm kubelet kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubectl)
for component in "${components[@]}"; do
    KUBE_GIT_VERSION=v$release KUBE_GIT_TREE_STATE=clean KUBE_GIT_COMMIT=debian KUBE_GIT_MAJOR=1 KUBE_GIT_MINOR=20 \
        make WHAT="cmd/$component" GOFLAGS=
done
binaries=$work/source/_output/bin
cd $work

# --- packages ---------------------------------------------------------------------------------------------------------
package() { # package <name> <version> <depends>: from $work/root
    mkdir -p root/DEBIAN
    printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: podforge contributors <root@localhost>\n%sDescription: %s\n' \
        "$1" "$2" "${3:+Depends: $3$'\n'}" "for tests, from Debian's kubernetes $release" >root/DEBIAN/control
    dpkg-deb -Zgzip --root-owner-group --build root "/out/packages/$1_$2_amd64.deb"
    rm -rf root
}
install -D -m 0755 "$binaries/kubectl" root/usr/bin/kubectl
package kubectl $release-01 ""
install -D -m 0755 "$binaries/kubelet" root/usr/bin/kubelet
install -D -m 0644 /dev/stdin root/lib/systemd/system/kubelet.service <<'END'
[Unit]
Description=kubelet: The Kubernetes Node Agent
Wants=network-online.target
After=network-online.target
[Service]
ExecStart=/usr/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=10
[Install]
WantedBy=multi-user.target
END
package kubelet $release-01 "iptables, iproute2, socat, util-linux, mount, ebtables, ethtool, conntrack"
install -D -m 0755 "$binaries/kubeadm" root/usr/bin/kubeadm
install -D -m 0644 /dev/stdin root/etc/systemd/system/kubelet.service.d/10-kubeadm.conf <<'END'
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
END
package kubeadm $release-01 "kubelet, kubectl, cri-tools"
install -D -m 0755 /recipe/src/crictl_standin.sh root/usr/bin/crictl
package cri-tools $release-00 ""
(cd /out/packages && dpkg-scanpackages . >Packages)

# --- images -----------------------------------------------------------------------------------------------------------
image() { # image <file> <reference>: from $work/root
    mkdir -p root/tmp
    python3 /recipe/src/docker_archive.py "/out/images/$1.tar" "$2" root
    rm -rf root
}
take() { # take <programs and files...>: with the libraries that they need, in their places
    for file; do
        install -D -m 0755 "$file" "root$file"
        ldd "$file" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do install -D -m 0755 "$library" "root$library"; done || true
    done
}
shell() { # shell <applets...>
    install -D -m 0755 /bin/busybox root/bin/busybox
    for applet; do ln -s busybox "root/bin/$applet"; done
}
for component in kube-apiserver kube-controller-manager kube-scheduler; do
    install -D -m 0755 "$binaries/$component" "root/usr/local/bin/$component"
    image "$component" "k8s.gcr.io/$component:v$release"
done

take /usr/sbin/xtables-nft-multi /usr/sbin/conntrack /usr/lib/x86_64-linux-gnu/xtables/*.so
for name in iptables ip6tables iptables-save ip6tables-save iptables-restore ip6tables-restore; do
    ln -s xtables-nft-multi root/usr/sbin/$name
done
shell sh sed
install -D -m 0755 "$binaries/kube-proxy" root/usr/local/bin/kube-proxy.real
# nf_conntrack_max is read-only outside of the first network namespace
install -m 0755 /dev/stdin root/usr/local/bin/kube-proxy <<'END'
#!/bin/sh
sed 's/maxPerCore: null/maxPerCore: 0/' /var/lib/kube-proxy/config.conf >/tmp/config.conf
exec /usr/local/bin/kube-proxy.real --config=/tmp/config.conf "$2"
END
image kube-proxy "k8s.gcr.io/kube-proxy:v$release"

take /usr/bin/etcd /usr/bin/etcdctl
mkdir -p root/usr/local root/etc
mv root/usr/bin root/usr/local/bin
image etcd k8s.gcr.io/etcd:3.4.13-0

gcc -Os -static -o pause source/build/pause/linux/pause.c
install -D -m 0755 pause root/pause
image pause k8s.gcr.io/pause:3.2

GO111MODULE=off go build -o coredns /recipe/src/coredns_standin.go
install -D -m 0755 coredns root/coredns
image coredns k8s.gcr.io/coredns:1.7.0

GO111MODULE=off go build -o flanneld /recipe/src/flanneld_standin.go
install -D -m 0755 flanneld root/opt/bin/flanneld
shell cp ip sh
image flannel docker.io/flannel/flannel:v0.26.4

apt-get download containernetworking-plugins/bullseye
dpkg-deb --extract containernetworking-plugins_*.deb plugins
install -D -m 0755 plugins/usr/lib/cni/flannel root/flannel
shell cp sh
image flannelcni docker.io/flannel/flannel-cni-plugin:v1.6.2-flannel1
