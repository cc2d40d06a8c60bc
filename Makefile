# Each target sets up what it needs: `make quickstart` and `make test` work on a fresh clone.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

help:  ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: .venv/installed  ## Install everything from requirements.lock into .venv

# pip compiles bytecode as it installs: without it, every stage would take seconds longer to start.
.venv/installed: requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Python 3.11 to 3.13 expected, found %d.%d: make PYTHON=..." % sys.version_info[:2])'
	$(PYTHON) -m venv --clear .venv
	python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	touch $@

quickstart: setup  ## Run a small grid of the real graph, offline, in quickstart/; DATASET=mnist on the real images
	python -m tools.quickstart $(DATASET)

repro: setup  ## Run what has changed, as dvc repro does, on all cores; ARGS="--scheduler tcp://..." on a cluster
	python -m tools.repro $(ARGS)

publish: setup  ## Put the small results into .dvc/results, where git keeps them and 'dvc pull' finds them
	python -m tools.publish

plots: setup  ## Write dvc_plots/index.html, which needs no network; REV="main ..." draws revisions beside the workspace
	python -m tools.plots $(REV)

verify: setup  ## Prove that all results, here and in the cache, are what dvc.lock says
	python -m tools.verify

repair: setup  ## Bring back what verify finds damaged: from where it is whole, else by running its stage
	python -m tools.repair

prune: setup  ## List what earlier params left behind; YES=1 removes it
	python -m tools.prune $(if $(filter 1,$(YES)),remove)

test: setup  ## Run all tests
	pytest -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

bench: setup  ## Measure speed into benchmarks/results.json, about five hours; PARTS="noise memory train graph study parallel workers gpu"
	python -m benchmarks $(PARTS)

check: setup  ## Lint and check types
	ruff check . && ruff format --check . && mypy

lock:  ## Renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --all-extras --quiet pyproject.toml -o requirements.lock

audit:  ## Look up what requirements.lock pins in an advisory database (needs pip-audit)
	pip-audit --requirement requirements.lock --require-hashes --disable-pip

.PHONY: audit bench help setup quickstart repro publish plots verify repair prune test check lock
