# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup and restore of a Slurm controller: the accounting database and slurmctld's state, as one file.

Written by the role podforge.hyperpod.slurm_backup: changes made here are lost. For what it does and needs see that
role's README. Wants Python 3.9, MariaDB's programs for a local database, and the AWS CLI for S3; nothing of Ansible.
"""
