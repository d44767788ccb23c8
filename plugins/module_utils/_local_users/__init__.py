# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and groups of a node: what is wanted, what is there, what is to be done. Private."""
