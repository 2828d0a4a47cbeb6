# Groundwork. `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
PYTHON ?= python3
RUN := $(VENV)/bin/python
STAGE ?= local
export PYTHONPATH := .:layers/common/python:functions
export PYTHONDONTWRITEBYTECODE :=
# Old but working Node versions are told about once, by `make up`, not by every synthesis.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 1
export JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION := 1
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1

.PHONY: help setup up down status test tools lint format pins docs bench migration validate redrive deploy rollback clean

help: ## List the commands
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready node_modules/.ready ## Install everything into .venv and node_modules

$(VENV)/.ready: requirements-bootstrap.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 up")'
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@echo "Installing Python packages ..."
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.txt
	@$(VENV)/bin/uv pip sync --quiet --python $(RUN) --require-hashes requirements-dev.txt
	@touch $@

node_modules/.ready: package.json package-lock.json
	@command -v npm >/dev/null || { echo "Node 20 or newer, with npm, is needed: the CDK command line is a Node program."; exit 1; }
	@echo "Installing Node packages ..."
	@npm ci --silent --no-progress
	@touch $@

up: setup ## Run the whole platform on this machine, with a demo tenant
	@$(RUN) -m local up

down: ## Stop what `make up` started
	@test ! -x $(RUN) || $(RUN) -m local down

status: ## What of it runs
	@$(RUN) -m local status

test: setup ## Run every test
	@$(RUN) -m pytest -n 2 --dist loadgroup $(ARGS)

tools: ## Install the Debian packages without which a few tests are skipped (as root)
	@apt-get update -qq
	@DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium oathtool prometheus

lint: setup ## Check style, types, the direction of imports, and migrations
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-cache
	@$(RUN) -m infra.migration_lint

format: setup ## Format the code
	@$(VENV)/bin/ruff check --fix --quiet .
	@$(VENV)/bin/ruff format .

pins: setup ## Pin the requirements anew after a change of requirements*.in
	@for file in layers/common/requirements requirements-dev requirements-bootstrap local/requirements-ministack local/requirements-localstack; do \
		range="--universal --python-version 3.11"; \
		case $$file in *localstack) range="--python-version 3.13";; esac; \
		$(VENV)/bin/uv pip compile $$file.in $$range --generate-hashes \
			--no-emit-index-url --no-header --quiet --output-file $$file.txt || exit; \
	done

docs: setup ## Regenerate docs/ from the declarations
	@$(RUN) -m infra.compose
	@$(RUN) -m infra.docs

bench: setup ## Measure, side by side with peers
	@$(RUN) -m benchmarks $(ARGS)

migration: setup ## Write a new migration from the tables: make migration m="add vendors"
	@$(RUN) -m local.migration "$(m)"

deploy: setup ## Deploy a stage: make deploy STAGE=dev [AT_ONCE=1] [KEEP=1]
	@$(RUN) -m infra.deploy $(STAGE) $(if $(AT_ONCE),--at-once) $(if $(KEEP),--keep)

rollback: setup ## Go back to a release before: make rollback STAGE=prod [RELEASE=...]
	@$(RUN) -m infra.deploy $(STAGE) --rollback $(RELEASE)

validate: setup ## Check a deployed stage end to end: make validate STAGE=dev
	@$(RUN) -m infra.validate $(STAGE)

redrive: setup ## Hand dead letters to their functions again: make redrive STAGE=dev [LOOK=1]
	@$(RUN) -m infra.redrive $(STAGE) $(if $(LOOK),--look)

clean: down ## Stop everything and remove all that was built or installed
	@rm -rf .venv .local .build cdk.out node_modules
