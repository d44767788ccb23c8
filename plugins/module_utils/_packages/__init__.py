# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of the operating system: which are missing, and how they come although locks and mirrors are in the way.

Private to this collection.
"""
