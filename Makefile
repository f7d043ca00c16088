# Every target sets up what it needs by itself: git, make, python3 (3.11 to 3.13) and its venv module are enough.
# `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

UV_VERSION := 0.13.9
# A uv on the PATH serves if it runs and is new enough for this project; otherwise one of our own, from PyPI.
UV := $(shell uv --version >/dev/null 2>&1 && uv version --short --frozen >/dev/null 2>&1 && command -v uv || echo .venv-uv/bin/uv)
LOCK := pyproject.toml uv.lock

PYTEST_ARGS ?=
# Most of a test's time is waiting for servers: three processes, each with private servers of its own, keep two cores busy.
PARALLEL := -n 3

.PHONY: help
help: ## Print the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# --- environments -------------------------------------------------------------------------------------------------

.venv-uv/bin/uv:
	python3 -m venv .venv-uv
	.venv-uv/bin/python -m pip install --quiet "uv==$(UV_VERSION)"

.venv/.stamp: $(LOCK) | $(filter .venv-uv/%,$(UV))
	$(UV) sync --quiet --frozen
	@touch $@

.venv-airflow/.stamp: $(LOCK) | $(filter .venv-uv/%,$(UV))
	UV_PROJECT_ENVIRONMENT=.venv-airflow $(UV) sync --quiet --frozen --extra airflow
	@touch $@

.venv-bench/.stamp: $(LOCK) | $(filter .venv-uv/%,$(UV))
	UV_PROJECT_ENVIRONMENT=.venv-bench $(UV) sync --quiet --frozen --group bench
	@touch $@

.venv-bench-identity/.stamp: $(LOCK) | $(filter .venv-uv/%,$(UV))
	UV_PROJECT_ENVIRONMENT=.venv-bench-identity $(UV) sync --quiet --frozen --group bench-identity
	@touch $@

.venv-bench-decisions/.stamp: $(LOCK) | $(filter .venv-uv/%,$(UV))
	UV_PROJECT_ENVIRONMENT=.venv-bench-decisions $(UV) sync --quiet --frozen --no-default-groups --group bench-decisions
	@touch $@

.venv-browser/.stamp: $(LOCK) | $(filter .venv-uv/%,$(UV))
	UV_PROJECT_ENVIRONMENT=.venv-browser $(UV) sync --quiet --frozen --group browser
	@touch $@

.venv-docs/.stamp: $(LOCK) | $(filter .venv-uv/%,$(UV))
	UV_PROJECT_ENVIRONMENT=.venv-docs $(UV) sync --quiet --frozen --no-default-groups --group docs
	@touch $@

.PHONY: setup
setup: .venv/.stamp ## Make the environment (.venv) from the lock file

.PHONY: servers
servers: ## Install RabbitMQ and PostgreSQL if missing (root and apt-get; starts no system service)
	@scripts/install-servers

# --- try it -------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: setup $(if $(filter real,$(STACK)),servers) ## Run the whole walk once; STACK=real on private servers, KEEP=1 leaves it running
	@.venv/bin/onevoice demo $(if $(STACK),--stack $(STACK)) $(if $(KEEP),--keep)

.PHONY: up
up: setup servers .venv-airflow/.stamp ## Start the private real stack with the samples and Airflow
	@.venv/bin/onevoice stack up

.PHONY: down
down: setup ## End what `make up` started
	@.venv/bin/onevoice stack down

# --- check it -----------------------------------------------------------------------------------------------------

.PHONY: test
test: setup servers ## Run the unit and integration tests on private servers
	.venv/bin/python -m pytest tests --ignore=tests/airflow --ignore=tests/browser --ignore=tests/systems --ignore=tests/cluster --ignore=tests/laws $(PARALLEL) $(PYTEST_ARGS)

.PHONY: test-laws
test-laws: setup servers ## Hold the laws of identity in a thousand examples each, in interleavings, and against mutants
	.venv/bin/python -m pytest tests/laws tests/workers/test_unmerge_story.py -n 2 $(PYTEST_ARGS)

.PHONY: test-airflow
test-airflow: .venv-airflow/.stamp servers ## Check and run the DAGs under a real Airflow (.venv-airflow)
	.venv-airflow/bin/python -m mypy onevoice/airflow/*.py dags/*.py
	.venv-airflow/bin/python -m pytest tests/airflow $(PYTEST_ARGS)

KILLS ?= 50
SEED ?= 1
.PHONY: chaos
chaos: setup servers ## Kill parts of a running hub at random and count what is lost, twice or stuck; KILLS, SEED, WITHOUT
	.venv/bin/python -m tests.faults --kills $(KILLS) --seed $(SEED) $(if $(WITHOUT),--without $(WITHOUT))

.PHONY: test-faults
test-faults: setup servers ## The short form of chaos, and with each guard off
	.venv/bin/python -m tests.faults --kills 10 --people 60
	for guard in inbox lock; do .venv/bin/python -m tests.faults --kills 6 --people 60 --without $$guard; done

.PHONY: test-cluster
test-cluster: setup servers ## Kill the leader of a queue on three RabbitMQ nodes in mid-load
	.venv/bin/python -m pytest tests/cluster $(PYTEST_ARGS)

.PHONY: test-systems
test-systems: setup ## Run connectors and the walk against real third-party systems
	@scripts/install-servers systems
	for system in tests/systems/requirements/*.txt; do scripts/system-env "$$(basename "$$system" .txt)"; done
	.venv/bin/python -m pytest tests/systems $(PYTEST_ARGS)

.PHONY: test-browser
test-browser: .venv-browser/.stamp ## Use the customer's own page in a real browser (Debian's Chromium)
	@scripts/install-servers browser
	.venv-browser/bin/python -m pytest tests/browser $(PYTEST_ARGS)

.PHONY: lint
lint: setup ## Check style, imports between rooms, scripts and the lock file
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	for script in scripts/* .ci/run; do if [[ -f $$script ]] && head -n 1 "$$script" | grep -q bash; then bash -n "$$script"; fi; done
	$(UV) lock --check --quiet

.PHONY: types
types: setup ## Check the types
	.venv/bin/mypy

.PHONY: races
races: setup servers ## Race opt-outs and answers against sending; TRIALS=10000, WITHOUT=recheck shows what the check is for
	@TRIALS=$(TRIALS) WITHOUT=$(WITHOUT) .venv/bin/python -m tests.races

.PHONY: bench
bench: .venv-bench/.stamp servers ## Measure the hub beside the floor and a rival
	.venv-bench/bin/python -m benchmarks
	.venv-bench/bin/python -m benchmarks.mapping

.PHONY: bench-bulk
bench-bulk: setup servers ## Load from files in bulk and over the bus, and hold the two to the same result; RECORDS
	.venv/bin/python -m benchmarks.bulk --records $(or $(RECORDS),20000) --compare

.PHONY: bench-identity
bench-identity: .venv-bench-identity/.stamp ## Measure how well customers are found, beside trivial rules and Splink
	.venv-bench-identity/bin/python -m benchmarks.identity

.PHONY: identity-model
identity-model: .venv-bench-identity/.stamp ## Train the shipped matching model anew
	.venv-bench-identity/bin/python -m scripts.identity_model

.PHONY: bench-decisions
bench-decisions: .venv-bench-decisions/.stamp ## Measure the decision engine beside zen-engine and CEL
	.venv-bench-decisions/bin/python -m benchmarks.decisions

.PHONY: bench-consent
bench-consent: setup servers ## Ask the gate for a million addresses in bulk, and compare with asking one by one
	.venv/bin/python -m benchmarks.consent

.PHONY: bench-doors
bench-doors: setup servers ## Measure contexts and decisions over HTTP; needs wrk (apt-get install wrk)
	.venv/bin/python -m benchmarks.doors

.PHONY: docs
docs: setup .venv-docs/.stamp ## Write the reference from the code and build the documentation into site/
	.venv/bin/python -m scripts.docs
	.venv-docs/bin/mkdocs build --strict

.PHONY: clean
clean: ## Remove environments and caches (not data)
	rm -rf .venv .venv-uv .venv-airflow .venv-bench .venv-bench-identity .venv-bench-decisions .venv-browser .venv-docs .mypy_cache .ruff_cache .pytest_cache .import_linter_cache site
