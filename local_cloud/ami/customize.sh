#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs once in the new root file system: what packages can't be told. Wheels are in /var/tmp/wheels.
set -eu

# --- user -------------------------------------------------------------------------------------------------------
useradd --create-home --uid 1000 --user-group --shell /bin/bash --groups adm,sudo --comment Ubuntu ubuntu

# --- awscli and boto3 -------------------------------------------------------------------------------------------
python3 -m venv /opt/aws-cli
/opt/aws-cli/bin/pip install --quiet --no-index --find-links /var/tmp/wheels --no-deps --no-compile /var/tmp/wheels/*.whl
rm -rf /var/tmp/wheels /opt/aws-cli/lib/python*/site-packages/awscli/examples
/opt/aws-cli/bin/python -m compileall -q /opt/aws-cli/lib || true
ln -s /opt/aws-cli/bin/aws /opt/aws-cli/bin/aws_completer /usr/local/bin/
mkdir -p /opt/local_cloud
ln -s /opt/aws-cli /opt/local_cloud/venv

# --- Slurm below /opt/slurm -------------------------------------------------------------------------------------
mkdir -p /opt/slurm/bin /opt/slurm/sbin /opt/slurm/lib /opt/slurm/etc /opt/slurm/share
dpkg -L slurm-client | grep '^/usr/bin/' | while read -r program; do
    # On the AMI the clients are found by PATH only; a script that forgets it must fail here as well.
    dpkg-divert --quiet --local --rename --add --divert "/opt/slurm/bin/${program##*/}" "$program"
done
for program in slurmctld slurmd slurmdbd slurmstepd; do
    real=/usr/sbin/$program
    test -e "$real-wlm" && real=$real-wlm
    ln -s "$real" "/opt/slurm/sbin/$program"
done
library=$(dirname "$(find /usr/lib -path '*/slurm-wlm/libslurmfull.so')")
ln -s "$library" /opt/slurm/lib/slurm
mkdir /opt/slurm/include
ln -s /usr/include/slurm /opt/slurm/include/slurm
rm -rf /etc/slurm
ln -s /opt/slurm/etc /etc/slurm
for daemon in slurmctld slurmd slurmdbd; do
    rm -f "/etc/init.d/$daemon" "/lib/systemd/system/$daemon.service" "/etc/default/$daemon"
done
mkdir -p /var/log/slurm /var/spool/slurmctld /var/spool/slurmd
chown slurm:slurm /var/log/slurm /var/spool/slurmctld

# --- units: what a node starts by itself is decided by the links of the thin layer ------------------------------
for wants in multi-user.target.wants sockets.target.wants timers.target.wants graphical.target.wants; do
    find "/etc/systemd/system/$wants" -type l ! -name logrotate.timer ! -name remote-fs.target -delete 2>/dev/null || true
done
rm -f /etc/systemd/system/dbus-org.freedesktop.* /etc/systemd/system/getty.target.wants/*

# --- what each node makes for itself ----------------------------------------------------------------------------
rm -f /etc/ssh/ssh_host_*_key* /etc/munge/munge.key /var/lib/dbus/machine-id
: >/etc/machine-id
rm -f /etc/hostname /etc/resolv.conf
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >/etc/hosts
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt/* /var/log/*.log
