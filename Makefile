# Each target sets up what it needs: `make quickstart` and `make test` work on a fresh clone.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

help:  ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: .venv/installed  ## Install everything from requirements.lock into .venv

# pip compiles bytecode as it installs: without it, every stage would take seconds longer to start.
.venv/installed: requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Python 3.11 to 3.13 expected, found %d.%d: make PYTHON=..." % sys.version_info[:2])'
	$(PYTHON) -m venv --clear .venv
	python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	touch $@

quickstart: setup  ## Run the real graph on a small offline data set, in quickstart/, in a few minutes
	python -m tools.quickstart

repro: setup  ## Run the full study on MNIST: dvc repro
	python -m stages.check && dvc repro

test: setup  ## Run all tests
	pytest -n auto --maxprocesses 8 --dist loadfile

check: setup  ## Lint and check types
	ruff check . && ruff format --check . && mypy

lock:  ## Renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --extra dev --quiet pyproject.toml -o requirements.lock

.PHONY: help setup quickstart repro test check lock
