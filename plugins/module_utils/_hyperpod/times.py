# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Points in time as users write them. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from datetime import timedelta
from datetime import timezone

from .common import HyperPodError
from .transformations import parse_time

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(option: str, text: str | None, now: datetime | None = None) -> datetime | None:
    """A point in time: ISO 8601, or how long ago, e.g. ``90s``, ``30m``, ``2h``, ``7d``.

    Args:
        option: where it stands, for the error.
        text: what the user wrote; None gives None.
        now: what ago is counted from.

    Raises:
        HyperPodError: it is neither.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return (now or datetime.now(timezone.utc)) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        return parse_time(text.strip())
    except ValueError:
        raise HyperPodError(
            f"{option}: {text!r} is neither a time in ISO 8601 (2026-11-28T03:00:00Z) nor how long ago (30m, 2h, 7d)"
        ) from None


def milliseconds(when: datetime | None) -> int | None:
    """Since the epoch."""
    return None if when is None else int(when.timestamp() * 1000)
