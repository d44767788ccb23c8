# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long things take, in virtual seconds.

Sources: Amazon SageMaker Developer Guide (continuous provisioning: three hours for MinInstanceCount) and timings
that AWS staff published for real clusters: creation 10 to 15 minutes, replacement 20 to 30, reboot 1 to 3,
UpdateClusterSoftware 30 to 60, scale-down 15 to 20, deep health checks about two hours, lifecycle scripts retried about
four times in 18 minutes during a software update.
"""

from __future__ import annotations

BOOT = 300.0
LIFECYCLE = 420.0
REBOOT = 120.0
REIMAGE = 1380.0
REPLACE_END = 600.0
TERMINATE = 900.0
DEEP_HEALTH_CHECK = 7200.0
MINIMUM_COUNT = 3 * 3600.0
UPDATE_RETRY = 270.0
UPDATE_ATTEMPTS = 4
REPLACE_ATTEMPTS = 3
BACKOFF_FIRST = 60.0
BACKOFF_MAX = 900.0
CLIENT_TOKEN_LIFE = 8 * 3600.0
# Wall seconds that a real instance may take to report after it was started.
BOOT_PATIENCE = 900.0


def backoff(failures: int) -> float:
    """Wait before the next try after ``failures`` (>= 1) failed ones: doubles, up to a quarter of an hour."""
    return float(min(BACKOFF_FIRST * 2.0 ** (max(failures, 1) - 1), BACKOFF_MAX))
