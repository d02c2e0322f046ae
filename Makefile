# Tongxing: `make` lists the targets. Two matter: `make run` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TLS ?=
STATE ?= $(if $(TLS),state-tls,state)
ARGS ?=
WORKERS ?= 2
PACKAGES := trust runtime ca idp cardreader signing tongxing

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help venv run demo test test-fast lint fuzz bench lock sbom clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

venv: $(VENV)/.installed ## Make the virtual environment from the pinned, hashed requirements

$(VENV)/.installed: requirements/dev.txt pyproject.toml
	@./scripts/system-packages run
	@test -x $(BIN)/python || { echo "making the virtual environment $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing the pinned Python packages (a minute or two the first time)"
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

run: venv ## Start the town; TLS=1 for https, STATE=folder for another state
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@exec $(BIN)/tongxing run --state $(STATE) $(if $(TLS),--tls) $(ARGS)

demo: venv ## Play the three flows without a person
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@exec $(BIN)/tongxing demo $(ARGS)

test: lint ## What CI runs: lint, then every test
	@mkdir -p artifacts
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --durations 15 $(ARGS)

test-fast: venv ## The tests that take moments and need no other program
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -q \
		-m "not slow and not pcsc and not browser and not foreign and not postgres and not softhsm" $(ARGS)

lint: venv ## ruff, mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

fuzz: venv ## Judge mutated certificates beside two other engines; ARGS="--seconds 600 --seed 7"
	@exec $(BIN)/python -m tests.fuzz $(ARGS)

bench: venv ## Measure against peers and limits; ARGS=name for one
	@exec $(BIN)/python -m bench $(ARGS)

lock: venv ## Remake requirements/*.txt from pyproject.toml
	@$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/pip install --quiet uv
	@./scripts/lock $(VENV)/lock/bin/uv $(ARGS)

sbom: venv ## Write artifacts/sbom.json, the bill of materials (CycloneDX)
	@mkdir -p artifacts
	@$(BIN)/cyclonedx-py requirements requirements/server.txt --pyproject pyproject.toml \
		--output-reproducible --output-file artifacts/sbom.json
	@echo artifacts/sbom.json

clean: ## Remove what was built; the state directory stays
	@rm -rf $(VENV) artifacts build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
