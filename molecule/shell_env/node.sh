#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Files that others have written, a user with the system's own .bashrc, and a second repository, on the node itself: one package
# that fails half way, and a good one.
set -eu
umask 022
printf '[user]\n\tname = The Admin\n[pull]\n\tff = true\n' >/etc/gitconfig
sha256sum /etc/gitconfig /etc/bash.bashrc /etc/inputrc /etc/motd >/root/others.sha256
cp /etc/skel/.bashrc /etc/skel/.profile /home/ubuntu/
install -d -o ubuntu -g ubuntu -m 0700 /home/ubuntu/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_test -C test </dev/null
install -o ubuntu -g ubuntu -m 0600 /root/.ssh/id_test.pub /home/ubuntu/.ssh/authorized_keys
mkdir -p /srv/packages
cd /srv/packages

package() { # package <name> <the script that runs at its end>
    mkdir -p build/DEBIAN
    printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: podforge <nobody@example.com>\nDescription: for a test\n' \
        "$1" >build/DEBIAN/control
    printf '#!/bin/sh\n%s\n' "$2" >build/DEBIAN/postinst
    chmod 0755 build/DEBIAN/postinst
    dpkg-deb --root-owner-group --build build "$1_1_all.deb" >/dev/null
    rm -rf build
}

package podforge-broken 'exit 1'
package podforge-good 'exit 0'
for deb in *.deb; do
    dpkg-deb --field "$deb"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -c1-64)"
done >Packages
echo 'deb [trusted=yes] file:/srv/packages ./' >/etc/apt/sources.list.d/test.list
