# Everything that a person or a CI run does here. `make help` lists it.
#
# Works with an empty environment, as root or as anyone else. pip keeps whatever configuration the
# machine has: no index is named here.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
# Kept whatever the shell says: else each of the many processes here compiles the whole source again.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
# Tests wait for real processes as much as they compute: twice as many as most have cores.
WORKERS ?= 4
ARGS ?=
BIN := .venv/bin
PACKAGES := followup tasks config templates scripts

# One environment for running and testing. A stamp's name holds what the environment was made from,
# so that an unchanged checkout is ready at once, and a switch of branch is noticed whatever the clock
# says. The path is a part of it because a virtual environment does not survive being moved.
LOCKS := requirements.txt requirements-build.txt requirements-dev.txt
made-from = $(shell (cat $(1); pwd; $(PYTHON) -V) 2>/dev/null | cksum | tr ' ' '-')
RUNS := .venv/.runs-$(call made-from,requirements.txt requirements-build.txt pyproject.toml)
READY := .venv/.ready-$(call made-from,requirements-dev.txt pyproject.toml)
# Another lock makes another environment from nothing: no package of an earlier one stays behind.
EMPTY := .venv/.empty-$(call made-from,$(LOCKS))

# Two runs of make in one checkout wait for each other where flock exists.
LOCKED := $(if $(shell command -v flock),flock .venv.lock,)

PIP ?= $(BIN)/python -m pip
# A lock is complete. So nothing is resolved: pip before 24.1 looks again for a requirement with an
# extra, and stops at a release that is newer than the lock (pypa/pip#9644). And nothing is built from
# source, which would take the newest build tools of the day.
FROM_LOCK := --require-hashes --no-deps --only-binary :all:
INSTALL := $(PIP) install --quiet --disable-pip-version-check --no-compile
# pip takes one package after the other. So two of it take every second one each of what running takes:
# nothing is resolved, so there is no order to keep. What testing takes has pip itself in it, and waits.
SHARE := awk '/^[a-z0-9]/ {n++} n % 2 == share'

# Compiled by uv because its locks hold for every Python version and platform at once.
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	--no-emit-find-links --python-version 3.11 --custom-compile-command "make lock" $(UPGRADE)

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

.PHONY: setup
setup: $(READY) ## Make .venv from the lock files, with the test tools; quick when nothing changed

$(RUNS):
	@$(LOCKED) $(MAKE) --no-print-directory install STAMP=$@ WHAT="what running takes"

$(READY):
	@$(LOCKED) $(MAKE) --no-print-directory install STAMP=$@ WHAT="what running and testing take" \
		THEN="-r requirements-dev.txt"

.PHONY: install
install:
	@if [ -e $(STAMP) ]; then exit 0; fi; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed: name one with PYTHON=" >&2; exit 1; }; \
	if ! [ -e $(EMPTY) ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		echo "Making .venv with $$($(PYTHON) -V)"; \
		$(PYTHON) -m venv --clear .venv; \
		touch $(EMPTY); \
	fi; \
	echo "Installing $(WHAT)"; \
	for share in 0 1; do \
		$(SHARE) share=$$share requirements.txt requirements-build.txt > .venv/share-$$share.txt; \
	done; \
	$(INSTALL) $(FROM_LOCK) -r .venv/share-0.txt & \
	$(INSTALL) $(FROM_LOCK) -r .venv/share-1.txt || { wait; exit 1; }; \
	wait $$!; \
	$(if $(THEN),$(INSTALL) $(FROM_LOCK) $(THEN);) \
	echo "Installing followup from this checkout"; \
	$(INSTALL) --no-deps --no-build-isolation --editable .; \
	echo "Checking that all of it fits together"; \
	$(PIP) check; \
	rm -f .venv/.runs-* .venv/.ready-*; touch $(STAMP)

.PHONY: setup-run
setup-run: $(if $(wildcard $(READY)),,$(RUNS)) ## The same with what running takes, and no test tools

.PHONY: run
run: setup-run ## Start everything in one process, on this machine alone (ARGS= for its options)
	@echo "Starting followup"
	@exec $(BIN)/followup run $(ARGS)

.PHONY: lint
lint: setup ## Style, format and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=. $(BIN)/lint-imports --no-cache

.PHONY: types
types: setup ## Types, strictly
	$(BIN)/mypy

# Their tests are all marked as slow: spared the reading, too.
LEFT_OUT := $(addprefix --ignore=tests/,browser cli faults web)

.PHONY: quick
quick: setup ## In under a minute: style and the fast tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest -q -n 2 -m "not faults and not browser and not slow and not long" $(LEFT_OUT) $(ARGS)

.PHONY: years
years: setup ## Run the fast tests under a clock that is a year ahead, and five (needs faketime)
	for years in 1 5; do $(BIN)/python -m tests.setup.moved_clock $$years -q -n 2 \
		-m "not faults and not browser and not slow and not long" $(LEFT_OUT) $(ARGS); done

# Reads every test once, beside mypy, which takes one core: what that compiles, each worker finds.
.PHONY: compiled
compiled: setup
	@$(BIN)/pytest --collect-only -qq > .venv/collected || { cat .venv/collected; exit 1; }

# Lines are counted in the domain's own tests, which reach nine of ten of its lines; to count them in
# all, by which the suite reaches every one, takes a quarter longer (`make coverage`).
# Fault tests kill processes and wait for what comes of it, so they run by themselves, two at a time;
# the longer ones not at all here.
.PHONY: test
test: lint ## All that CI checks: style, types, imports, every test, coverage of the domain
	@$(MAKE) --no-print-directory --jobs 2 types compiled
	$(BIN)/coverage erase
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not faults and not long" --cov=followup/domain \
		--cov-report= $(ARGS)
	$(BIN)/coverage report --fail-under=90
	$(BIN)/pytest tests/faults -n 2 --dist worksteal -m "faults and not long" $(ARGS)

.PHONY: long
long: setup ## What takes too long for `make test`: the other database, more random cases, training the second net
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "(long or hypothesis) and not faults" \
		--hypothesis-profile long $(ARGS)

.PHONY: coverage
coverage: setup ## The lines that the suite reaches: every one of the domain, nine of ten elsewhere
	$(BIN)/coverage erase
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --cov --cov-report= -m "not faults and not long" $(ARGS)
	$(BIN)/coverage report --include='followup/domain/*' --fail-under=100
	$(BIN)/coverage report --omit='followup/domain/*' --fail-under=90

.PHONY: faults-short
faults-short: setup ## Run a short form of every fault run, as tests
	$(BIN)/pytest tests/faults -m faults $(ARGS)

.PHONY: faults
faults: setup ## Kill workers, brokers and databases for real, and look for lost or doubled messages
	$(BIN)/python -m tests.faults $(ARGS)

.PHONY: bench
bench: setup ## Measure enrolling, claiming, sending, lateness, memory and idling here (ARGS=--help)
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: bench-pages
bench-pages: setup ## Measure the console's pages on a store of a hundred thousand patients
	$(BIN)/python -m tests.bench.pages $(ARGS)

.PHONY: screenshots
screenshots: setup ## Take the pictures of the console again, into docs/screenshots
	$(BIN)/python -m tests.browser.pictures $(ARGS)

.PHONY: lock
lock: setup ## Make the lock files again from pyproject.toml (UPGRADE=--upgrade for newer versions)
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	$(COMPILE) --group build -c requirements-dev.txt -o requirements-build.txt

.PHONY: wheels
wheels: setup ## Check that every locked package has a wheel for each Python, into docs/supported-platforms.md
	$(BIN)/python -m scripts.check_wheels

.PHONY: sbom
sbom: setup ## Write the bill of materials of what a clinic runs into dist/ (CycloneDX)
	$(BIN)/python -m scripts.sbom $(ARGS)

.PHONY: advisories
advisories: setup ## Look for published advisories about what is locked (needs OSV, or ARGS= its files)
	$(BIN)/python -m scripts.check_advisories $(ARGS)

.PHONY: assets
assets: setup ## Fetch the console's front-end files again from the npm registry (needs npm)
	$(BIN)/python -m scripts.refresh_assets

.PHONY: data-map
data-map: setup ## Write docs/data-map.md from the models; stops at a column without purpose, basis, readers or time
	$(BIN)/python -m scripts.data_map

.PHONY: catalogues
catalogues: setup ## Bring the translations of the patient's page up to date, and compile them
	$(BIN)/python -m scripts.refresh_catalogues

.PHONY: clean
clean: ## Remove everything that these targets made
	rm -rf .venv .venv.lock .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
		.hypothesis .coverage .coverage.* htmlcov build dist
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +
