#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# pull.sh <image>: have the image here. One that is here already needs no network. Fails, with docker's words, if it can't be.
set -eu
image=$1
registry=${image%%/*}
docker image inspect "$image" >/dev/null 2>&1 && exit 0
case $registry in
*.dkr.ecr.*.amazonaws.com*)
    region=${registry#*.dkr.ecr.}
    aws ecr get-login-password --region "${region%%.*}" | docker login --username AWS --password-stdin "$registry"
    ;;
esac
exec docker pull --quiet "$image"
