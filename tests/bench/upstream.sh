#!/usr/bin/env bash
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What upstream's lifecycle scripts are documented to do to a controller, for the features of tests/bench/node_vars.yml:
# the base-config of awsome-distributed-training (lifecycle_script.py and the scripts it calls, in its order), and for
# tools, shell and desktop daemons the quickstart playground-persistent-cluster (initsmhp). Written anew from their
# descriptions, none of their code. Prints one line for each step: name, tab, seconds.
#
# Left out, since a container can't do it or this machine has no way to it; all of it would add to upstream's side:
#   ansible-galaxy collection install (Galaxy), git's PPA, delta, duf, s5cmd and tmux from GitHub (tmux comes as package),
#   the Lustre client's hold and the empty GPU driver package (apply_hotfix.sh: neither is in the image),
#   Docker, enroot and pyxis, SSSD, exporters, Lustre and OpenZFS (our side has them switched off as well).
# Made kinder than upstream: no recommended packages (on the AMI they are there), downloads are there before.
#
# usage: upstream.sh <folder of ansible's wheels> <package>...
set -u
wheels=$1
shift
log=/var/log/provision/upstream.log
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a
users="una,2001,/fsx/una uma,2002,/fsx/uma udo,2003,/fsx/udo"

step() {
    local begin
    begin=$(date +%s%N)
    if ! "$@" >>"$log" 2>&1; then
        tail -n 20 "$log" >&2
        exit 1
    fi
    awk -v b="$begin" -v e="$(date +%s%N)" -v n="$1" 'BEGIN { printf "%s\t%.2f\n", n, (e - b) / 1e9 }'
}

install() { apt-get -y --no-install-recommends -o DPkg::Lock::Timeout=120 install "$@"; }

# install_ansible.sh: lists, pip, all of ansible (which the caller could not download, if the folder is empty)
install_ansible() {
    apt-get -y update && install python3-pip || return
    [ -z "$(ls "$wheels")" ] || pip3 install --break-system-packages --no-index --find-links "$wheels" ansible==10.7.0
}

# add_users.sh: shared_users.txt, line by line
add_users() {
    local line name uid home
    for line in $users; do
        IFS=, read -r name uid home <<<"$line"
        id -u "$name" || getent passwd "$uid" || useradd -m --uid "$uid" --home "$home" --shell /bin/bash "$name" || return
    done
}

# lifecycle_script.py: until slurm.conf names its controller, at most a minute, looking every 5 s
slurm_conf() {
    local try
    for try in {1..12}; do
        grep -q '^SlurmctldHost=' /opt/slurm/etc/slurm.conf && return
        echo "no controller in slurm.conf yet: $try"
        sleep 5
    done
}

# setup_mariadb_accounting.sh
mariadb_accounting() {
    local password host
    install apg || return
    password=$(apg -a 1 -n 1 -m 10 -x 10 -M NCL)
    host=$(sed -n 's/^SlurmctldHost=\([^(]*\).*/\1/p' /opt/slurm/etc/slurm.conf)
    systemctl start mariadb || return
    expect <<'EOF'
set timeout 10
spawn mysql_secure_installation
foreach answer {"" n n y y y y} { expect -re {\? |: } { send "$answer\r" } }
expect eof
EOF
    expect <<EOF || return
set timeout 10
spawn mysql
expect "> "
send "GRANT ALL ON slurm_acct_db.* TO 'slurm'@'localhost' IDENTIFIED BY '$password';\r"
expect "> "
send "CREATE DATABASE slurm_acct_db;\r"
expect "> "
send "exit\r"
expect eof
EOF
    cat >/opt/slurm/etc/slurmdbd.conf <<EOF
AuthType=auth/munge
DbdHost=localhost
DebugLevel=info
LogFile=/var/log/slurm/slurmdbd.log
PidFile=/var/run/slurmdbd.pid
SlurmUser=slurm
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=$password
StorageLoc=slurm_acct_db
EOF
    chown slurm:slurm /opt/slurm/etc/slurmdbd.conf
    chmod 0600 /opt/slurm/etc/slurmdbd.conf
    mkdir -p /var/log/slurm
    chown slurm:slurm /var/log/slurm
    cat >>/opt/slurm/etc/accounting.conf <<EOF
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=30
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=$host
AccountingStoragePort=6819
AccountingStorageTRES=gres/gpu
GresTypes=gpu
EOF
    systemctl enable --now slurmdbd
}

# apply_hotfix.sh: lists again; what it holds is not in the image
apply_hotfix() { apt-get -y -o DPkg::Lock::Timeout=120 update; }

# motd.sh
motd() { printf 'HyperPod\ncontroller\n%s\nml.c5.xlarge\n' "$(hostname -I)" >/etc/motd; }

# fsx_auto_detect.sh: looks for Lustre at /fsx and NFS at /home, finds neither
home_of_ubuntu() { ! grep -qE ' (/fsx lustre|/home nfs4?) ' /proc/mounts; }

# start_slurm.sh
start_slurm() {
    mkdir -p /opt/slurm/etc/scripts
    printf '#!/bin/sh\nexit 0\n' | tee /opt/slurm/etc/scripts/prolog.sh >/opt/slurm/etc/scripts/epilog.sh
    chmod +x /opt/slurm/etc/scripts/*.sh
    sed -i '/^Prolog=/d; /^Epilog=/d' /opt/slurm/etc/slurm.conf
    printf 'Prolog=/opt/slurm/etc/scripts/prolog.sh\nEpilog=/opt/slurm/etc/scripts/epilog.sh\n' >>/opt/slurm/etc/slurm.conf
    systemctl enable --now munge slurmctld
}

# setup_user_associations.sh: until slurmdbd is active, every 2 s; then 5 s more; failures do not count
associations() {
    local line try cluster
    for try in {1..30}; do
        systemctl -q is-active slurmdbd && break
        echo "slurmdbd is not active: $try"
        sleep 2
    done
    sleep 5
    cluster=$(sacctmgr -n -P list cluster format=cluster | head -n 1)
    sacctmgr -i add cluster "$cluster"
    sacctmgr -i add account root description=root organization=root
    sacctmgr -i add user ubuntu account=root
    for line in $users; do sacctmgr -i add user "${line%%,*}" account=root; done
    return 0
}

# gen-keypair-ubuntu.sh: rsa-4096 for each
key_pairs() {
    local line name _uid home
    for line in ubuntu,1000,/fsx/upstream-ubuntu $users; do
        IFS=, read -r name _uid home <<<"$line"
        mkdir -p "$home/.ssh"
        [ -f "$home/.ssh/id_rsa" ] || ssh-keygen -q -t rsa -b 4096 -N "" -f "$home/.ssh/id_rsa" || return
        cat "$home/.ssh/id_rsa.pub" >>"$home/.ssh/authorized_keys"
        chmod 700 "$home/.ssh"
        chmod 600 "$home/.ssh/id_rsa" "$home/.ssh/authorized_keys"
        chown -R "$name:" "$home/.ssh"
    done
}

# ssh-to-compute.sh
ssh_to_compute() {
    local host
    for host in 127.0.0.1 localhost "$(hostname)" $(sed -n 's/^NodeName=\([^ ]*\).*/\1/p' /opt/slurm/etc/slurm.conf); do
        printf 'Host %s\n    StrictHostKeyChecking no\n    HostbasedAuthentication no\n    CheckHostIP no\n    UserKnownHostsFile /dev/null\n' "$host"
    done >>/etc/ssh/ssh_config.d/initsmhp-ssh.conf
}

# enable_slurm_log_rotation.sh
log_rotation() {
    cat >>/etc/logrotate.d/sagemaker-hyperpod-slurm <<'EOF'
/var/log/slurm/*.log {
    rotate 2
    size 50M
    copytruncate
    nocompress
    missingok
    sharedscripts
    postrotate
        pkill -USR2 slurmctld slurmd slurmdbd || true
    endscript
}
EOF
}

# quickstart, setup_timesync.sh: chrony out of the agents' namespace
timesync() {
    sed -i 's/^NetworkNamespacePath=/#&/' /lib/systemd/system/chrony.service
    sed -i '/^pool/d' /etc/chrony/chrony.conf
    echo 'server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4' >>/etc/chrony/chrony.conf
    systemctl daemon-reload && systemctl restart chrony
}

# quickstart, initsmhp: desktop daemons, sysctl
restrictions() {
    systemctl disable --now gdm avahi-daemon switcheroo-control
    systemctl mask gdm avahi-daemon switcheroo-control
    # may be read-only in a container
    sysctl -w fs.inotify.max_user_watches=524288 || true
    echo 'fs.inotify.max_user_watches=524288' >>/etc/sysctl.conf
}

# quickstart, initsmhp: lists, upgrade, git, the tools; each a step of its own whose failure does not count
initsmhp_upgrade() {
    apt-get -y update && apt-get -y upgrade
    return 0
}
initsmhp_git() {
    apt-get -y update
    install git
    return 0
}
initsmhp_tools() {
    install "$@"
    return 0
}

# quickstart, initsmhp: settings of shell, git, vim, readline
shell_settings() {
    local setting
    printf 'export MANPAGER=most DSTAT_OPTS=-cdngym\nalias ll="ls -alF"\n' >/etc/bashrc.initsmhp
    echo '[ ! -f /etc/bashrc.initsmhp ] || . /etc/bashrc.initsmhp' >>/etc/bash.bashrc
    printf 'syntax on\nset hlsearch\n' >/etc/skel/.vimrc
    echo 'set completion-ignore-case on' >/opt/inputrc-osx
    for setting in "core.editor vim" "init.defaultBranch main" "pull.ff only" "merge.renormalize true" \
        "credential.helper cache"; do
        # shellcheck disable=SC2086  # a name and a value
        git config --system $setting || return
    done
}

step install_ansible
step add_users
step slurm_conf
step mariadb_accounting
step apply_hotfix
step motd
step home_of_ubuntu
step start_slurm
step associations
step key_pairs
step ssh_to_compute
step log_rotation
step timesync
step restrictions
step initsmhp_upgrade
step initsmhp_git
step initsmhp_tools "$@"
step shell_settings
