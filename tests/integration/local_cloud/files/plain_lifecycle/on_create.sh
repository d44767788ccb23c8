#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# A lifecycle script as people write them: it knows nothing of this repository.
set -e
LOG_FILE=/var/log/provision/provisioning.log
logger() { echo "$@" | tee -a "$LOG_FILE"; }

logger "start home=${HOME-unset} cwd=$PWD stdin=$(readlink /proc/self/fd/0) user=$(id -un)"
if (: </dev/tty) 2>/dev/null; then logger "a terminal"; else logger "no terminal"; fi
if [[ -z "$SAGEMAKER_RESOURCE_CONFIG_PATH" ]]; then
    logger "SAGEMAKER_RESOURCE_CONFIG_PATH is not set"
    exit 1
fi
exec > >(tee -a "$LOG_FILE") 2>&1
bash ./steps.sh "$SAGEMAKER_RESOURCE_CONFIG_PATH"
