# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of the directory image, at /opt/directory there; they run on its own Python."""
