# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: secrets with a value of named fields, and the change of such a value in steps."""
