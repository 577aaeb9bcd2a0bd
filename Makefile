# Two commands for a newcomer: `make demo` and `make test`. Both set up what they need in .venv and nowhere else.
# The first interpreter that starts and is of a version we support.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && { echo $$python; break; }; done)
BIN := .venv/bin
XDIST ?= 4

# Whoever told Python to keep no bytecode would have every worker and every daemon of the tests compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: bench demo test soak check lint types mypy pyright servers collected docs lock figures clean help

help:
	@echo "make demo   set up, then watch real alerts live through three simulated tools"
	@echo "make test   set up, then run every check and every test"
	@echo "make soak   what takes hours: thousands of simulated schedules and real crashes on both stores, every planted bug (results in .soak/)"
	@echo "make lint types   the static checks alone"
	@echo "make bench  measure, each figure beside the floor of this machine"
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

# No check needs another one, and the servers come over the network.
test: .venv/.dev
	@$(MAKE) --no-print-directory -j3 servers lint types collected
	$(BIN)/python -m pytest -n $(XDIST) --dist loadgroup -q

# Before a release, and at night. Every part leaves its figures in .soak/ as JSON and fails when it found something.
soak: .venv/.dev servers
	@mkdir -p .soak
	$(BIN)/python -m tests.simulation.soak .soak
	$(BIN)/python -m tests.crash matrix --twice 1000 --out .soak/crash.json
	$(BIN)/python -m tests.crash matrix --people --out .soak/crash.json
	$(BIN)/python -m tests.crash matrix --store postgresql --out .soak/crash.json
	$(BIN)/python -m tests.crash matrix --store postgresql --people --out .soak/crash.json
	$(BIN)/python -m tests.crash upstairs --out .soak/crash.json
	$(BIN)/python -m tests.crash upstairs --store postgresql --out .soak/crash.json
	$(BIN)/python -m tests.crash migration --out .soak/crash.json
	$(BIN)/python -m tests.crash migration --store postgresql --out .soak/crash.json
	$(BIN)/python -m tests.crash kept --kills 200 --deaths kill,term --out .soak/kept.json
	$(BIN)/python -m tests.crash kept --kills 200 --deaths kill,server --store postgresql --out .soak/kept.json
	$(BIN)/python -m tests.crash kept --kills 100 --deaths kill,term,server --store postgresql --out .soak/kept.json
	$(BIN)/python -m tests.crash disk --most 4000 --out .soak/faults.json
	$(BIN)/python -m tests.crash trouble full --out .soak/faults.json
	$(BIN)/python -m tests.crash trouble locked --hold 60 --out .soak/faults.json
	$(BIN)/python -m tests.crash trouble cut --every 2 --times 60 --out .soak/faults.json
	$(BIN)/python -m tests.crash storm --out .soak/storm.json
	$(BIN)/python -m tests.fleet.order --operations 1000000 --workers 4 --json .soak/order.json
	$(BIN)/python -m tests.soak deliveries --out .soak/deliveries.json
	$(BIN)/python -m tests.soak limits --out .soak/limits.json
	$(BIN)/python -m tests.soak partition --out .soak/partition.json
	$(BIN)/python -m tests.soak poison --out .soak/poison.json
	$(BIN)/python -m tests.soak journal --out .soak/journal.json
	TIELINE_SOAK=true $(BIN)/python -m pytest -q --timeout=0 tests/threats tests/mappings/test_survival.py tests/real/test_request_tracker_live.py tests/real/test_nagios_live.py

# All modules of the tests are compiled once, before the workers begin with them side by side. What cannot be collected is
# told by their run.
collected: .venv/.dev servers
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null 2>&1 || true

check: lint types

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: mypy pyright

mypy pyright: .venv/.dev
	$(BIN)/$@

# Hashes and versions only: where packages come from is the business of whoever installs them.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --extra all pyproject.toml build.in -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --extra all --extra test --extra dev -c requirements.lock pyproject.toml build.in -o requirements-dev.lock

# Figures beside the floor of this machine, in benchmarks/runs/latest.json; BENCH="--quick" or BENCH="--full" for other sizes.
bench: .venv/.dev
	$(BIN)/python -m benchmarks run $(BENCH)

# The reference pages are made from the code; a test fails when they differ.
docs: .venv/.dev
	$(BIN)/python docs/generate.py

# Takes the figures of the last `make soak` over into the page of the guarantees.
figures: .venv/.dev
	@mkdir -p docs/figures && cp .soak/*.json docs/figures/
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv .demo build dist *.egg-info
