# The few commands a person needs. Everything runs in a virtual environment of its own, made on first use.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: demo test bench conformance lint types layering format clean

demo: $(VENV)/.installed ## play the whole story on an embedded cluster; KEEP=1 leaves it running
	@$(BIN)/python -m demo $(if $(KEEP),--keep)

test: $(VENV)/.installed-dev ## the whole test suite
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup

bench: $(VENV)/.installed ## what performance claims rest on, side by side with what they compare to
	@$(BIN)/python -m benchmarks $(BENCH)

conformance: $(VENV)/.installed-dev ## the sandbox beside a real API server (built with Go, or KUBECONFIG=); RECORD=1 records it
	@$(BIN)/python scripts/record_apiserver.py $(if $(RECORD),--record) $(if $(KUBECONFIG),--kubeconfig $(KUBECONFIG))
	@$(if $(KUBECONFIG),,$(BIN)/python scripts/record_kubectl.py $(if $(RECORD),--record))

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	@$(BIN)/mypy

layering: $(VENV)/.installed-dev
	@$(BIN)/lint-imports --no-cache

format: $(VENV)/.installed-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist src/*.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fluxkit needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@$(BIN)/python -m compileall -q src
	@touch $@ $(VENV)/.installed
