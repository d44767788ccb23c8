# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Active Directory modules fail with."""

from __future__ import annotations


class DirectoryError(Exception):
    """Something a module fails with, in plain words; ``fix`` is what to do about it."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        if not self.fix:
            return self.what
        return f"{self.what.rstrip('.')}. {self.fix[0].upper()}{self.fix[1:].rstrip('.')}."


class Refused(DirectoryError):
    """A domain controller refused a request. ``code`` is LDAP's result code, ``said`` the controller's own words."""

    def __init__(self, what: str, fix: str, code: int, said: str) -> None:
        super().__init__(what, fix)
        self.code = code
        self.said = said


class ConnectionLost(DirectoryError):
    """The connection broke: whether the request was carried out is not known."""
