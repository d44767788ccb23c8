# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting with progress, for all modules that wait. Private to this collection: it may change at any time.

progress    the line that tells how far something is
loop        the waiting loop, in one piece or in slices, and how far a task has come
reporting   one run of a module: lines that tell of it, errors that explain
plans       what planning comes to: calls, goal, refusal
argspec     the options of modules that wait
converge    read, plan, apply, wait, and again until there is nothing left to do
"""
