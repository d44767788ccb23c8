# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What backups of Slurm and of Kubernetes share: where they go, their names, and one file with checksums of its parts.

Written by the roles podforge.hyperpod.slurm_backup and kubeadm_master: changes made here are lost.
"""

from __future__ import annotations


class BackupError(Exception):
    """Something the operator must mend; the text names the place and the fix."""
