# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database behind slurmdbd: a local MariaDB, or one elsewhere. Private to this collection."""


class DatabaseError(Exception):
    """Something the operator must mend; the text names the place and the fix."""
