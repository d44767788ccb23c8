# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the HyperPod modules share. Private to this collection: it may change at any time.

naming, schema, argspec   the inputs of the API as one table, and the argument specification made of it
transformations, compare  options <-> API, the description of a cluster -> options, differences
states, plan, update      pure: what exists + what is wanted -> the calls to make
merge, fixed              pure: a wish over what is there, and what can't be changed
export                    pure: a running cluster -> a description that another one can be made of
waiters, progress         pure: what a description of the cluster means, and what the line says of it
common, api               errors and retries, one function per call
failure, explain          why it failed, in words that lead to the fix
waiting                   looks at a cluster, for the loop of _waiting
run                       read, plan, apply, wait
task                      the same for modules that act on a cluster which exists
reporting                 what both have in common: lines that tell of a run, errors that explain
members                   nodes by whatever name a user has for them
nodes_*, software*, health*   pure decisions, and what the modules of these names do with them
info, events, node_logs   what the modules that only read do
parallel, times           calls at a pace, points in time
"""
