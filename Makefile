# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Every target sets up what it needs and is quick the second time. `make` alone explains them.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules
# many container images set it; without bytecode each ansible-playbook and each module compiles all that it imports
unexport PYTHONDONTWRITEBYTECODE

GATE := .venv/bin/python -m tools.gate
# these need root for containers: without it they run themselves again under sudo
ROOT_TARGETS := cluster test nodes directory molecule e2e faults bench clean

.PHONY: help setup lock $(ROOT_TARGETS) lint sanity unit integration docs distclean

help: ## this text
	@printf 'podforge.hyperpod: Amazon SageMaker HyperPod clusters by Ansible, on AWS or on this machine\n\n'
	@awk -F ':.*## ' '/^## / {sub(/^## /, ""); printf "\n%s\n", $$0} /^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@printf '\nOne test: .venv/bin/pytest <file>; one role: .venv/bin/molecule test -s <role>. See CONTRIBUTING.md.\n'

## The cluster
cluster: ## build a four-node Slurm HyperPod cluster on this machine and run a job on it
	@tools/sudo.sh tools/cluster.sh

clean: ## remove the cluster, its containers and its state; caches and other containers stay
	@tools/sudo.sh tools/clean.sh

## The tests
test: ## all layers below but bench, side by side where that helps, with a summary
	@tools/sudo.sh tools/setup.sh venv lint containers core-2.21
	@tools/sudo.sh $(GATE) all

lint: ## formatting, types, playbooks, shell, documentation, licences, the built artifact
	@tools/setup.sh venv lint
	@$(GATE) lint

sanity: ## ansible-test sanity on ansible-core 2.19, nothing ignored
	@tools/setup.sh venv lint
	@$(GATE) sanity

unit: ## pure logic, on ansible-core 2.19 and 2.21
	@tools/setup.sh venv core-2.21
	@$(GATE) unit unit-2.21

integration: ## modules and local_cloud over HTTP, on ansible-core 2.19 and 2.21
	@tools/setup.sh venv core-2.21
	@$(GATE) integration integration-2.21

nodes: ## the containers that play instances: files, agents, Slurm, failures
	@tools/sudo.sh tools/setup.sh venv containers
	@tools/sudo.sh $(GATE) nodes

directory: ## Active Directory and its LDAPS endpoint: made, used, failing
	@tools/sudo.sh tools/setup.sh venv containers
	@tools/sudo.sh $(GATE) directory

molecule: ## each role on a systemd container: check, converge, idempotence, verify
	@tools/sudo.sh tools/setup.sh venv containers
	@tools/sudo.sh $(GATE) molecule

e2e: ## a whole cluster: built, used, a node replaced, torn down
	@tools/sudo.sh tools/setup.sh venv containers
	@tools/sudo.sh $(GATE) e2e

faults: ## the same with things killed, throttled and dropped on the way
	@tools/sudo.sh tools/setup.sh venv containers
	@tools/sudo.sh $(GATE) faults

bench: ## how fast nodes converge, as ratios measured in one run
	@tools/sudo.sh tools/setup.sh venv containers
	@tools/sudo.sh .venv/bin/python -m tests.bench.run

## The rest
docs: ## reference pages of all plugins and roles, in .build/docs
	@tools/setup.sh venv
	@tools/docs.sh

setup: ## Debian packages and virtual environments, without running anything
	@tools/sudo.sh tools/setup.sh venv lint containers core-2.21

lock: ## resolve requirements/*.in again (LOCK=--upgrade takes the newest versions)
	@tools/setup.sh venv
	@tools/lock.sh $(LOCK)

distclean: clean ## also the virtual environments, build folders and caches
	@tools/sudo.sh tools/clean.sh --all
