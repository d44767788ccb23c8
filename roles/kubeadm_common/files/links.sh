#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# CNI plugins of the distribution's package in the folder where Kubernetes and its networks look.
set -eu
for plugin in /usr/lib/cni/* /usr/libexec/cni/*; do
    [ -x "$plugin" ] && [ ! -e "/opt/cni/bin/${plugin##*/}" ] && ln -s "$plugin" /opt/cni/bin/
done
exit 0
