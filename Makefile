# Each target sets up what it needs; nothing but Python 3.11, make and a package index is taken for granted.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
Q ?= How do I switch sonar to the cloud?
export Q
# Most of a test's time is spent waiting for real processes, so four at a time suit two cores.
PYTEST ?= -n 4 --dist worksteal

.PHONY: ask test check audit bench clean
.DEFAULT_GOAL := ask

ask: $(VENV)/.ready-to-run ## asks the shipped playbooks a question: make ask Q="…"
	@$(BIN)/amalfa ask "$$Q"

test: $(VENV)/.ready-to-test ## runs the whole suite
	@$(BIN)/python -m pytest $(PYTEST)

check: $(VENV)/.ready-to-test ## format, lint, types and the import contract
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

audit: $(VENV)/.ready-to-test ## known vulnerabilities of what is installed; asks a public advisory database
	@$(BIN)/pip-audit --local --skip-editable

bench: $(VENV)/.ready-to-test ## measures against the targets of the product
	@$(BIN)/python -m benchmarks $(BENCH)

clean:
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Error: amalfa needs Python 3.11 or newer. Fix: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Setting up $(VENV) …" >&2
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.ready-to-run: $(VENV)/.made pyproject.toml
	@$(PIP) install -e . >&2
	@touch $@

$(VENV)/.ready-to-test: $(VENV)/.made pyproject.toml
	@$(PIP) install -e '.[test,check]' >&2
	@touch $@ $(VENV)/.ready-to-run
