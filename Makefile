# Two commands for a newcomer: `make demo` and `make test`. Both set up what they need in .venv and nowhere else.
# The first interpreter that starts and is of a version we support.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && { echo $$python; break; }; done)
BIN := .venv/bin
XDIST ?= 4

.PHONY: demo test check lint types servers docs lock clean help

help:
	@echo "make demo   set up, then watch real alerts live through three simulated tools"
	@echo "make test   set up, then run every check and every test"
	@echo "make lint types   the static checks alone"
	@echo "make lock   resolve the dependencies again"

.venv/.run: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Tieline needs Python 3.11, 3.12 or 3.13, and none was found. Name one: make PYTHON=/path/to/python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.run requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

demo: .venv/.run
	@$(BIN)/tieline demo

# The real servers that the end-to-end tests talk to. As root on a Debian machine they are installed; elsewhere the
# tests that need them are skipped with the sentence that says how to get them (and fail instead where CI=true).
servers:
	@sh tests/real/install.sh

test: .venv/.dev servers lint types
	$(BIN)/python -m pytest -n $(XDIST) --dist loadgroup -q

check: lint types

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: .venv/.dev
	$(BIN)/mypy
	$(BIN)/pyright

# Hashes and versions only: where packages come from is the business of whoever installs them.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --extra all pyproject.toml build.in -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --extra all --extra test --extra dev -c requirements.lock pyproject.toml build.in -o requirements-dev.lock

# The reference pages are made from the code; a test fails when they differ.
docs: .venv/.dev
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv .demo build dist *.egg-info
