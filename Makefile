# Every target sets up what it needs. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)
# Without bytecode every process that needs torch compiles it anew, which costs ten seconds each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test check cluster-up cluster-down bench screenshots constraints clean-demo
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(READY) ## make .venv with arctl, the trainer and the tools of development

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "arctl needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
	  test -x $(BIN)/python || uv venv --quiet --python $$(command -v $(PYTHON)) $(VENV); \
	else \
	  test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
	  test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv; \
	fi
	@echo "setting up .venv (torch is a large download the first time)"
	@$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[train,report,dev]'
	@touch $@

demo: $(READY) ## the main job from end to end: real video, two models, list, curves, comparison
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash docs/demo.sh

test: $(READY) ## the whole test suite; with Slurm installed also on a real cluster
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder $(TESTS)

check: $(READY) ## formatting, lint, types and import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --config pyproject.toml

cluster-up: $(READY) ## start a real Slurm cluster on this machine to play with
	@$(BIN)/python tests/slurm/cluster.py up --dir $(CURDIR)/.arctl/cluster
	@echo "run that line, then try sinfo, or arctl submit --cluster slurm; make cluster-down stops it" >&2

cluster-down: $(READY) ## stop it
	@$(BIN)/python tests/slurm/cluster.py down --dir $(CURDIR)/.arctl/cluster

bench: $(READY) ## print the benchmark tables
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks

screenshots: $(READY) ## take the pages' pictures from a workspace: make screenshots WORKSPACE=~/study
	@$(BIN)/python benchmarks/screenshots.py $(or $(WORKSPACE),demo) docs/img

constraints: $(READY) ## resolve constraints.txt again
	@$(UV) pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-emit-index-url \
	  --no-header --no-annotate --quiet --output-file constraints.txt

clean-demo: ## remove the demo's workspace
	@rm -rf demo
