# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A SageMaker HyperPod region on one machine: an AWS API over HTTP, and systemd containers as instances."""

from __future__ import annotations
