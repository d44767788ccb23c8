# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Active Directory modules share. Private to this collection: it may change at any time.

names, attributes, ssh_keys, security   pure: LDAP's forms of names, values, keys and access lists
states, checks                          pure: what there is and what is to be done; wrong input, told before that
users_*, groups_*, ous_*                pure decisions, and what the modules of these names do with them
membership                              pure: who is in what, nested
explain                                 pure: what a domain controller's refusal means, and the fix
connection, tls, directory              the way to a domain controller, and what is asked of it
passwords                               generated ones, and where they are kept
objects                                 the objects of a task one after the other: each one's failure is its own
"""
