# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""slurm_reservation on the living cluster: its playbook asserts."""

from __future__ import annotations

from support import playbook
from support import said


def test_reservations_by_data() -> None:
    done = playbook("slurm_base/reservation.yml")
    assert done.returncode == 0, said(done)
