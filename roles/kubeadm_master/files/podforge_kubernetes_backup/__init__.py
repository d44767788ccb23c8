# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup and restore of a Kubernetes cluster made by kubeadm: etcd and the keys of its control plane, as one file.

Written by the role podforge.hyperpod.kubeadm_master: changes made here are lost. For what it does and needs see that
role's README. Wants Python 3.9, containerd's ctr, etcd's image, kubeadm, and the AWS CLI for S3; nothing of Ansible.
"""
