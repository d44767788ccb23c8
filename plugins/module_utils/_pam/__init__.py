# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may log in to a compute node: PAM's files for pam_slurm_adopt. Private to this collection."""
