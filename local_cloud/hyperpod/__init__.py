# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SageMaker HyperPod: operations, rules, state machines, store. The entry is service.HyperPodService."""

from __future__ import annotations
