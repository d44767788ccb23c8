# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS Managed Microsoft AD. Private to this collection: it may change at any time.

argspec           argument specifications
states            what there is and what is wanted; pure
choose            which directory a name means; pure
network, plan     pure: what is wrong with the subnets, and the calls to make
waiters, explain  pure: what a directory's stage means, and likely causes of what the service says
api               one function per call
password          from an option or a secret
run, info         what the modules do
"""
