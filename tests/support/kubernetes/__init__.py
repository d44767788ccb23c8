# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real clusters of Kubernetes in containers: where its packages come from, and the nodes."""
