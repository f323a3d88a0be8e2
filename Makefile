# Two commands do all the set-up: `make run` and `make test`. Everything is installed into .venv from constraints.txt.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint serve audit bench prove docs clean help

run: $(VENV)/ready ## run the main job on the embedded real sample and write its report
	$(BIN)/riskradar run standard --confirm

test: $(VENV)/ready ## run the tests
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

lint: $(VENV)/ready ## style and strict types
	$(BIN)/ruff check src tests docs prove benchmarks
	$(BIN)/mypy

serve: $(VENV)/ready ## show the stored runs as pages and as an API on this machine; makes a small run first where there is none
	@ls runs/*/run.json >/dev/null 2>&1 || { echo "no run yet: making one with preset tiny first"; $(BIN)/riskradar run tiny; }
	$(BIN)/riskradar serve

audit: $(VENV)/ready ## look for the future in every number of the sample's run
	$(BIN)/riskradar audit standard

bench: $(VENV)/ready ## speed beside named peers, as ratios; results in results/benchmarks and docs
	$(BIN)/python benchmarks/graphs.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/sizing.py
	$(BIN)/python benchmarks/store.py
	$(BIN)/python benchmarks/contagion.py
	$(BIN)/python benchmarks/serve.py
	$(BIN)/python benchmarks/explain.py
	$(BIN)/python benchmarks/daily.py --models vol+breadth pool

prove: $(VENV)/ready ## the longer proofs, each with its budget; results in proofs/
	$(BIN)/python prove/ranks.py --count 1000000
	$(BIN)/python prove/noise.py
	$(BIN)/python prove/contagion.py
	$(BIN)/python prove/explain.py
	$(BIN)/python prove/store.py
	$(BIN)/python prove/quality.py
	$(BIN)/python prove/scenario.py
	$(BIN)/python prove/serve.py
	$(BIN)/python prove/walk.py
	$(BIN)/python prove/daily.py
	bash prove/wheel.sh

docs: $(VENV)/ready ## the guide and the reference as pages in docs/_build
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build
	@echo docs/_build/index.html

clean: ## remove what can be built again (runs are kept)
	rm -rf $(VENV) build dist docs/_build docs/reference .mypy_cache .ruff_cache .pytest_cache .hypothesis

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

# torch first and from its pin: an unpinned torch pulls gigabytes.
$(VENV)/ready: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not here; install Python 3.11 or set PYTHON=..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/riskradar doctor >/dev/null # compiles the kernels once
	@touch $@
