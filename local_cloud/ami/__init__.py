# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node image: what it is made of, how it is built, and the agents that run in it."""
