# Two commands: `make demo` and `make test`. Each sets up what it needs, on any machine with Python 3.11+.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK := requirements/develop.txt

.PHONY: demo test check setup lock docs clean bench

demo: $(READY)
	$(BIN)/hansa demo

test: $(READY)
	$(BIN)/python -m pytest -n auto

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m bench

# Write the generated pages of docs/reference anew.
docs: $(READY)
	$(BIN)/python -m docs.generate

setup: $(READY)

$(READY): $(LOCK) pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Hansa needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another with: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)

	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python $(LOCK)
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	touch $(READY)

# Renew the lock: hashed, for every platform, naming no index host.
lock: $(READY)
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	  --no-emit-find-links --custom-compile-command "make lock" --output-file $(LOCK) requirements/develop.in

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis demo-data
