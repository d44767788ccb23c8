# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that make a container behave as a HyperPod instance. They run on the node: stdlib, and boto3 where said."""
