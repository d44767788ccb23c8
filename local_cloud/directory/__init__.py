# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory like AWS Managed Microsoft AD and the balancer that ends TLS in front of it: real, in containers."""
