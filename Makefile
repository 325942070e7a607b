# Two commands set everything up: `make demo` and `make test`. Each makes .venv itself.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One process more than cores, for tests of servers mostly wait; each runs whole files.
PROCESSES := $(shell $(PYTHON) -c 'import os; print(min(8, 1 + (os.cpu_count() or 1)))')
TESTS := $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --durations 20

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check format clean

help:  ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v[:2] < (3, 14))' || \
	  { echo "Python 3.11 to 3.13 is needed; name one: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@$(BIN)/python -c 'import cv2' || \
	  { echo "OpenCV lacks system libraries; on Debian: apt-get install libgl1 libglib2.0-0" >&2; exit 2; }
	@touch $@

demo: $(READY)  ## Run the whole pipeline on the bundled sample, results in demo-out/.
	$(BIN)/poselift demo --out demo-out

test: $(READY)  ## Run the tests, of kills and outages one of each kind.
	$(TESTS)

test-all: $(READY)  ## Run the tests with every kill and outage.
	$(TESTS) -m ""

check: $(READY)  ## Format, lint, types, import contracts and `make test`, as CI does.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory test

format: $(READY)  ## Format the code and mend what the linter can mend.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Remove the environment and all results of runs.
	rm -rf $(VENV) demo-out .poselift
