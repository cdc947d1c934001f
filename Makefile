# Two commands do everything: `make up` runs the product, `make test` proves it.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
# One resolution for every Python we support; hashes pin the files, no index is named.
COMPILE = $(UV) pip compile pyproject.toml --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --quiet --custom-compile-command "make lock"

export UV_HTTP_TIMEOUT ?= 180
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: lock
lock: $(UV) ## Resolve the dependencies again and write the hashed locks
	printf 'uv==0.10.2\n' >/dev/null
	$(COMPILE) --extra up --extra postgres --group dev -o requirements/dev.txt
