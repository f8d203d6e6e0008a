PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
STAMP := .venv/.synced

LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --no-annotate
# The demo keeps its graph beside the code; set SHOPGRAPH_HOME to serve a graph of your own.
export SHOPGRAPH_HOME ?= $(CURDIR)/.demo

.DEFAULT_GOAL := help
.PHONY: help demo serve stop test lint bench bench-api bench-model bench-refresh lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "shopgraph needs Python 3.11 or newer, this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(UV) pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	$(UV) pip install --quiet --no-deps --editable .
	@touch $@

demo: $(STAMP) ## A real supermarket's year, from baskets to recommendations (about 6 minutes)
	$(UV) pip install --quiet --no-deps --require-hashes --requirement examples/journey/requirements.lock
	$(BIN)/python -m examples.journey.demo

serve: $(STAMP) ## Serve the API on the graph that is loaded
	$(BIN)/shopgraph api serve

stop: $(STAMP) ## Stop the local Neo4j
	$(BIN)/shopgraph graph server stop

test: $(STAMP) ## Run every test, against a real Neo4j
	$(BIN)/pytest

lint: $(STAMP) ## ruff, mypy and import-linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: $(STAMP) ## Resolve pyproject.toml again into requirements.lock
	$(LOCK) --extra dev pyproject.toml --output-file requirements.lock
	$(subst --quiet,,$(LOCK)) --extra demo --constraint requirements.lock pyproject.toml 2>/dev/null | \
		sed -n '/^completejourney/,/^[a-z]/{/^completejourney/p;/^ /p}' > examples/journey/requirements.lock

bench: $(STAMP) ## Measure the bars on real data; writes build/bench/main.json
	$(BIN)/python -m tests.bench.main

bench-api: $(STAMP) ## Measure words, search, reasons, sessions; BARS=1,2 picks some; writes build/bench/api.json
	$(BIN)/python -m tests.bench.bench_words $(if $(BARS),--bars $(BARS))

bench-model: $(STAMP) ## Measure the bars of the model (hours); BARS=1,2 picks some; writes build/bench/model.json
	$(UV) pip install --quiet --no-deps --require-hashes --requirement examples/journey/requirements.lock
	$(BIN)/python -m tests.bench.bench_model $(if $(BARS),--bars $(BARS))

bench-refresh: $(STAMP) ## Measure the refresh job (hours); BARS=2,3 picks some; writes build/bench/refresh.json
	$(UV) pip install --quiet --no-deps --require-hashes --requirement examples/journey/requirements.lock
	$(BIN)/python -m tests.bench.bench_refresh $(if $(BARS),--bars $(BARS))

clean: ## Stop the demo's Neo4j and remove its data, the virtual environment and all that was built
	@test ! -d .demo || SHOPGRAPH_HOME=$(CURDIR)/.demo $(BIN)/shopgraph graph server stop
	rm -rf .demo .venv build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
