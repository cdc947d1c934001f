# Two commands do everything: `make up` runs the product, `make test` proves it.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
# Workers of the tests; more than cores only makes each of them slower.
TEST_WORKERS ?= 2
# A file stays in one worker, so what its tests share is started once; in this order the slowest files start early.
PYTEST := $(BIN)/python -m pytest
PARALLEL := -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder
# Kills, full disks and the product as a whole: minutes of their own, and a run of their own.
FAULTS := tests/faults
# Each run leaves a report for machines in this folder, if one is named; CI does.
JUNIT_DIR ?=
report = $(if $(JUNIT_DIR),--junitxml=$(JUNIT_DIR)/$(1).xml)
# One resolution for every Python we support; hashes pin the files, no index is named.
RESOLVE = $(UV) pip compile --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --quiet --custom-compile-command "make lock"
INSTALL = $(UV) pip install --python $(BIN)/python --quiet
# Stamps: what is installed already is not looked at again.
FOR_UP := $(VENV)/.installed-up
FOR_TESTS := $(VENV)/.installed-dev

export UV_HTTP_TIMEOUT ?= 180
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: up
up: $(FOR_UP) ## Start the game, Dagster and MLflow on this machine (Ctrl-C stops them)
	@$(BIN)/rps up

.PHONY: down
down: $(FOR_UP) ## Stop what `make up` started, also after a crash
	@$(BIN)/rps down

.PHONY: test
test: $(FOR_TESTS) ## Run the tests: unit, integration, browser
	$(PYTEST) $(PARALLEL) --ignore $(FAULTS) $(call report,tests)

.PHONY: test-fast
test-fast: $(FOR_TESTS) ## Run the unit tests only
	$(PYTEST) $(PARALLEL) tests/unit

.PHONY: test-images
test-images: $(FOR_TESTS) ## Replay the image builds in a folder and start what they built (minutes; downloads a gigabyte)
	RPS_TEST_IMAGES=1 $(PYTEST) tests/ops/test_images.py

.PHONY: test-faults
test-faults: $(FOR_TESTS) ## Start the whole product, kill and starve its parts, and see that nothing is lost
	$(PYTEST) $(PARALLEL) $(FAULTS) $(call report,faults)

.PHONY: check
check: $(FOR_TESTS) ## What CI runs: format, lint, types, import rules, all tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory audit
	$(MAKE) --no-print-directory test
	$(MAKE) --no-print-directory test-faults

.PHONY: format
format: $(FOR_TESTS) ## Format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(FOR_TESTS) ## Run all benchmarks in ten minutes; BENCH="--only serving" or BENCH=--large runs others
	$(BIN)/python -m benchmarks $(BENCH)

.PHONY: audit
audit: $(FOR_TESTS) ## Ask for known vulnerabilities of what is locked; says so where nobody can be asked
	@$(BIN)/python -m tools.audit

# Times what each test run tries, some 75,000 cases; SEED=... tries the same again.
FUZZ_TIMES ?= 25
.PHONY: fuzz
fuzz: $(FOR_TESTS) ## Try at least 50,000 odd files, settings and requests, from a seed that is printed
	@seed=$${SEED:-$$($(BIN)/python -c 'import secrets; print(secrets.randbelow(2**32))')}; \
	echo "seed $$seed; the same again: make fuzz SEED=$$seed FUZZ_TIMES=$(FUZZ_TIMES)"; \
	RPS_FUZZ_TIMES=$(FUZZ_TIMES) $(PYTEST) -p tests.fuzz.cases $(PARALLEL) --hypothesis-seed=$$seed tests/fuzz

.PHONY: screenshots
screenshots: $(FOR_TESTS) ## Photograph every screen into docs/images
	$(BIN)/python -m tools.screenshots

.PHONY: install
install: $(FOR_UP) $(FOR_TESTS) ## Install everything into .venv; `up` and `test` do what they need by themselves

.PHONY: helm
helm: $(FOR_TESTS) ## Fetch helm and kubectl into .tools/bin
	@$(BIN)/python -m tools.kubernetes_binaries

.PHONY: chart
chart: $(FOR_TESTS) ## Write the generated parts of the Helm chart: its files, its table of values
	$(BIN)/python -m tools.chart_files
	$(BIN)/python -m tools.chart_docs

.PHONY: lock
lock: $(UV) ## Resolve the dependencies again and write the hashed locks
	$(RESOLVE) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(RESOLVE) pyproject.toml --extra up --extra postgres --extra k8s --group dev -o requirements/dev.txt
	$(RESOLVE) pyproject.toml --extra up --group build -c requirements/dev.txt -o requirements/up.txt
	$(RESOLVE) --group build -c requirements/dev.txt -o requirements/build.txt
	$(RESOLVE) pyproject.toml --extra api --extra s3 --extra postgres -c requirements/dev.txt -o requirements/api.txt
	$(RESOLVE) pyproject.toml requirements/assets.in --extra assets --extra s3 --extra postgres --extra k8s \
		-c requirements/dev.txt -o requirements/assets.txt

.PHONY: clean
clean: ## Remove the environment and all caches; what was played and trained stays
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(UV): requirements/bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else \
	"RPS Quest needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 ...")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	{ echo "Python has no venv; on Debian: apt-get install python3-venv" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(FOR_UP): $(UV) requirements/up.txt pyproject.toml
	$(INSTALL) --require-hashes -r requirements/up.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(FOR_TESTS): $(UV) requirements/dev.txt pyproject.toml
	$(INSTALL) --require-hashes -r requirements/dev.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@
