# One target per task; README.md and .ci/run call the same ones. `make` alone lists them.
.DEFAULT_GOAL := help
.SHELLFLAGS := -euc

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PINS := $(VENV)/.pins
STAMP := $(VENV)/.installed
PACKAGES := cli collector demo query storage
IN_RANGE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

# The first interpreter that really runs, is in range and can make a virtual environment. `make PYTHON=…` overrides.
ifndef PYTHON
PYTHON := $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c '$(IN_RANGE)' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
endif

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: install
install: $(STAMP) ## Create .venv and install Spanhouse, the demo shop and the tools, at the pinned versions

# Made anew when the pins change, so that nothing stays that is not pinned.
$(PINS): constraints-dev.txt
	@[ -n "$(PYTHON)" ] && "$(PYTHON)" -c '$(IN_RANGE)' || { \
		echo "No usable Python: Spanhouse needs Python 3.11, 3.12 or 3.13 with the venv and ensurepip modules" \
			"(found: '$(PYTHON)'). Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	"$(PYTHON)" -m venv --clear $(VENV)
	$(PIP) --only-binary :all: --require-hashes -r constraints-dev.txt
	@touch $@

$(STAMP): $(PINS) pyproject.toml
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: $(STAMP) ## Start Spanhouse and the demo shop, and print where to look (Ctrl-C stops both)
	@exec $(BIN)/spanhouse demo --up

.PHONY: run
run: $(STAMP) ## Start Spanhouse: OTLP on 4317 and 4318, API on 8080
	@exec $(BIN)/spanhouse up

.PHONY: test
test: $(STAMP) ## Run all tests in two processes; COVERAGE=1 reports coverage
	$(BIN)/python -m pytest -n 2 --dist loadfile $(if $(COVERAGE),--cov --cov-report=term) $(ARGS)

.PHONY: fuzz
fuzz: $(STAMP) ## Send damaged requests of each kind for FUZZ_SECONDS (default 300); with atheris, try the parsers too
	FUZZ_SECONDS=$(or $(FUZZ_SECONDS),300) $(BIN)/python -m pytest tests/collector/fuzz $(ARGS)
	@if $(BIN)/python -c 'import atheris' 2>/dev/null; then \
		$(BIN)/python -m tests.collector.fuzz.parsers -max_total_time=$(or $(FUZZ_SECONDS),300); \
	else echo "atheris is not installed ($(BIN)/pip install atheris): the parsers were tried by hypothesis alone"; fi

.PHONY: soak-kill
soak-kill: $(STAMP) ## Kill Spanhouse ROUNDS times (default 200) under load, and look for each acknowledged span
	@$(BIN)/python -m tests.system.soak_kill --rounds $(or $(ROUNDS),200) $(ARGS)

.PHONY: lint
lint: $(STAMP) ## Check style, formatting, import directions and YAML
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict .

.PHONY: types
types: $(STAMP) ## Check the types of sources and tests (mypy --strict)
	$(BIN)/mypy --strict

.PHONY: bench
bench: $(STAMP) ## Measure one run of ingest, for trying things out: CPU per span, latency
	@$(BIN)/python -m benchmarks.bench_ingest $(ARGS)

.PHONY: bench-suite
bench-suite: $(STAMP) ## Measure all of ingest in twenty minutes, beside a peer, and write it into docs/performance.md
	@$(BIN)/python -m benchmarks.suite $(ARGS)

.PHONY: bench-queries
bench-queries: $(STAMP) ## Measure queries over 10 million spans and a month of rollups, and the rollup itself
	@$(BIN)/python -m benchmarks.bench_queries $(ARGS)

.PHONY: bench-metrics
bench-metrics: $(STAMP) ## Measure what a metric point costs, and PromQL over ten thousand series for a day, beside Prometheus's bytes
	@$(BIN)/python -m benchmarks.bench_metrics $(ARGS)

.PHONY: bench-start
bench-start: $(STAMP) ## Measure how long Spanhouse takes to be ready and to stop
	@$(BIN)/python -m benchmarks.bench_start $(ARGS)

.PHONY: soak
soak: $(STAMP) ## Send half of what is kept up for MINUTES (default 30), and see whether memory and files level off
	@$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),30) $(ARGS)

.PHONY: bench-outage
bench-outage: $(STAMP) ## Take ClickHouse away for MINUTES (default 3) under load, and see what waits, how it drains and what is lost
	@$(BIN)/python -m benchmarks.outage --minutes $(or $(MINUTES),3) $(ARGS)

.PHONY: wheel
wheel: $(STAMP) ## Build the sdist and the wheel into dist/
	@rm -rf dist
	$(BIN)/python -m hatchling build --directory dist

COMPILE = .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock" --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)

.PHONY: lock
lock: ## Pin the versions anew from pyproject.toml (UPGRADE=1 takes newer ones)
	@[ -x .venv-lock/bin/uv ] || { "$(PYTHON)" -m venv .venv-lock && .venv-lock/bin/pip install --quiet 'uv>=0.9,<1'; }
	$(COMPILE) --extra demo --group dev --output-file constraints-dev.txt pyproject.toml
	$(COMPILE) --constraints constraints-dev.txt --output-file constraints.txt pyproject.toml
	$(COMPILE) --constraints constraints-dev.txt --output-file constraints-build.txt --group build

.PHONY: clean
clean: ## Remove .venv, caches, build output and coverage data (never the data folder)
	rm -rf $(VENV) .venv-lock build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache
	find $(PACKAGES) tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
