# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters, accounts, users and QOS in Slurm's accounting database. Private to this collection."""
