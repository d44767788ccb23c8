# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An internal network load balancer that ends TLS in front of a directory, as one resource. Private to this collection.

argspec             argument specifications
states              what there is and what is wanted; pure
find                which listeners and target group belong to the endpoint, whatever their names; pure
rules               what is wrong with a wish; pure
plan, removal       pure: the calls to make, and those that remove it
steps               pure: calls that can be made now, and those that need what is not there yet
waiters, explain    pure: what health means, and why a target is not healthy
api                 one function per call
reading, run, info  what the modules do
"""
