# Each target but `lock` and `audit` sets up what it needs: `make quickstart` and `make test` work on a fresh clone.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
PYTHON ?= python3
export OUTSIDE := $(subst $(CURDIR)/.venv/bin:,,$(PATH))
export PATH := $(CURDIR)/.venv/bin:$(OUTSIDE)
# Set for something else, these would make Python find other modules or none, pip install other versions or elsewhere,
# and matplotlib use a missing backend.
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH PIP_CONSTRAINT PIP_PREFIX PIP_PYTHON PIP_TARGET MPLBACKEND
export PIP_USER := 0

help:  ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# .venv is current if it was created here, from this requirements.lock, and its Python still exists. Dates tell nothing
# after a checkout or a copy. In a moved or copied folder, the programs in .venv/bin use the Python of the old folder.
MADE_FROM = { (cd ./.venv && pwd -P) && cat requirements.lock; }
CURRENT = { $(MADE_FROM) | cmp -s - .venv/installed && .venv/bin/python -c 'import pip'; } 2> /dev/null

# Refuse a Python that cannot create .venv. Wait if another make is creating it: the shell holds this lock to its end.
define READY
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit("Python 3.11 to 3.13 expected, found %d.%d: make PYTHON=..." % sys.version_info[:2])
import fcntl, importlib.util
if not importlib.util.find_spec("ensurepip"):
    sys.exit("Python has no ensurepip: install the package python3-venv (Debian, Ubuntu), or make PYTHON=...")
fcntl.flock(9, fcntl.LOCK_EX)
endef
export READY

setup:  ## Install everything from requirements.lock into .venv
	@$(CURRENT) || { \
	  exec 9>> requirements.lock; \
	  PATH="$$OUTSIDE" $(PYTHON) -c "$$READY" || \
	    { [ $$? != 127 ] || echo "Python 3.11 to 3.13 expected, found none: make PYTHON=..." >&2; exit 1; }; \
	  $(CURRENT) || $(MAKE) --no-print-directory .venv; \
	}

# A link, as in quickstart, is removed: --clear would empty its target.
# pip compiles bytecode as it installs. Without it, every stage would take seconds longer to start.
.venv:
	@echo "Installing into .venv (3 GB): this takes some minutes"
	if [ -L .venv ]; then rm .venv; fi
	PATH="$$OUTSIDE" $(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@[ -x .venv/bin/dvc ] || { echo "pip did not install into .venv: see 'pip config list' for what leads it elsewhere" >&2; exit 1; }
	$(MADE_FROM) > .venv/installed

quickstart: setup  ## Run a small grid of the real graph offline, in quickstart/; DATASET=mnist uses real images
	python -m tools.quickstart $(DATASET)

repro: setup  ## Run what has changed, as dvc repro does, on all cores; ARGS="--scheduler tcp://..." on a cluster
	python -m tools.repro $(ARGS)

publish: setup  ## Copy the small results to .dvc/results, where git keeps them and 'dvc pull' finds them
	python -m tools.publish

plots: setup  ## Write dvc_plots/index.html, which works offline; REV="main ..." draws revisions beside the workspace
	python -m tools.plots $(REV)

verify: setup  ## Check that all results, here and in the cache, match dvc.lock
	python -m tools.verify

repair: setup  ## Restore what verify finds damaged, from an intact copy or else by rerunning its stage
	python -m tools.repair

# A YES that happens to be in the environment does not count.
prune: setup  ## List what earlier params left behind; YES=1 removes it
	python -m tools.prune $(if $(filter 1-command,$(YES)-$(firstword $(origin YES))),remove)

test: setup  ## Run all tests
	pytest -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

bench: setup  ## Measure speed, about five hours, and write benchmarks/results.json; PARTS="noise memory train graph study parallel workers gpu"
	python -m benchmarks $(PARTS)

check: setup  ## Lint and check types
	ruff check . && ruff format --check . && mypy

lock:  ## Update requirements.lock from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --all-extras --quiet pyproject.toml -o requirements.lock

audit:  ## Check the pins of requirements.lock against an advisory database (needs pip-audit)
	pip-audit --requirement requirements.lock --require-hashes --disable-pip

.PHONY: .venv audit bench help setup quickstart repro publish plots verify repair prune test check lock
