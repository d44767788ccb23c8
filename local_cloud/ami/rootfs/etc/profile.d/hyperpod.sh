# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# Slurm's programs, and where the AWS API of this node is.
case ":$PATH:" in
    *:/opt/slurm/bin:*) ;;
    *) PATH=/opt/slurm/bin:/opt/slurm/sbin:$PATH ;;
esac
export PATH
if [ -r /opt/local_cloud/node/environment ]; then
    set -a
    . /opt/local_cloud/node/environment
    set +a
fi
