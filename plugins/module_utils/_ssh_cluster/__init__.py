# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host keys that the nodes of a cluster tell each other, and key pairs of its users. Private."""
