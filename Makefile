# Every target installs what it needs into .venv. `make` alone lists the targets.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: help install constraints generate demo up lint format test test-airflow bench clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(INSTALLED) ## Install everything into .venv

$(INSTALLED): pyproject.toml requirements.txt constraints.txt
	@echo "Installing Airflow and all else into .venv: a minute or two on a first run ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --requirement requirements.txt --group dev --editable .
	@touch $@

constraints: ## Pin the newest versions that fit together into constraints.txt
	@test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv; }
	$(BIN)/uv pip compile --quiet --universal --upgrade --no-annotate --python-version 3.11 --group dev --custom-compile-command 'make constraints' --output-file constraints.txt requirements.txt

generate: $(INSTALLED) ## Write the tables and the data collection rule of include/infra from the record types
	@$(BIN)/python -m keywatch.pipeline.infra include/infra

demo: $(INSTALLED) ## Run the daily report for real, on the local cloud
	@$(BIN)/python -m localcloud demo

up: $(INSTALLED) ## Airflow's UI with the local cloud behind it, until stopped (PORT=8080)
	@$(BIN)/python -m localcloud up --port $(or $(PORT),8080)

lint: $(INSTALLED) ## Format check, ruff, mypy, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED) ## Format, and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: $(INSTALLED) ## Library, local cloud, hooks and `airflow dags test` (10 minutes at most)
	$(BIN)/pytest -m 'not airflow'

test-airflow: $(INSTALLED) ## Airflow's servers: REST, schedule, kills (15 minutes at most)
	$(BIN)/pytest -m airflow

bench: $(INSTALLED) ## Measure, and print one table (ONLY=name for one benchmark)
	$(BIN)/python -m tests.benchmarks $(ONLY)

clean: ## Remove what the other targets made
	rm -rf .venv .airflow .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
