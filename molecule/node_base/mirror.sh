#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# A signed repository of small packages in /srv/mirror, made on the node; two of them are installed: a kernel and a driver.
set -eu
umask 022
mkdir -p /srv/mirror
cd /srv/mirror

package() { # package <name> <version> [<line of its control file>]
    mkdir -p "build/DEBIAN"
    {
        printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: podforge <nobody@example.com>\n' "$1" "$2"
        [ -z "${3-}" ] || printf '%s\n' "$3"
        printf 'Description: for a test\n'
    } >build/DEBIAN/control
    dpkg-deb --root-owner-group --build build "$1_$2_all.deb" >/dev/null
    rm -rf build
}

package linux-image-test 1
package nvidia-driver-550 1
dpkg -i ./*.deb >/dev/null
package linux-image-test 2
package nvidia-driver-550 2
package podforge-one 1
package podforge-two 1 'Depends: podforge-one
Recommends: podforge-unwanted'
package podforge-three 1
package podforge-late 1
package podforge-unwanted 1
# nobody may have it that holds the kernel
package podforge-greedy 1 'Depends: linux-image-test (>= 2)'

for deb in *.deb; do
    dpkg-deb --field "$deb"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -c1-64)"
done >Packages
cat >Release.new <<RELEASE
Origin: test
Suite: test
Date: $(LC_ALL=C date -Ru)
SHA256:
 $(sha256sum Packages | cut -c1-64) $(stat -c %s Packages) Packages
RELEASE
mv Release.new Release
export GNUPGHOME=/root/mirror-gnupg
mkdir -p "$GNUPGHOME"
chmod 0700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-generate-key mirror@example.com ed25519 sign never
gpg --batch --quiet --yes --clearsign --output InRelease Release
gpg --batch --quiet --armor --export mirror@example.com >key.asc
