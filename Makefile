# make demo: from a fresh clone to a report.  make test: everything that is tested.  Both need Python 3.11+ and nothing else.
PYTHON ?= python3
BIN := .venv/bin
DEMO := build/perpetuals.html

.PHONY: demo test lint types docs bench clean

# A handful of cells in the demo's book is faulty on purpose, to show what becomes of them: hence --allow-unknown.
demo: .venv/installed
	@$(BIN)/softliq report policies/perpetuals.policy policies/snapshots/perpetuals -o $(DEMO) --allow-unknown 2%

test: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev
	$(BIN)/mypy

# The pages that are made from the code; a test fails while they are stale.
docs: .venv/installed-dev
	$(BIN)/python docs/generate.py

# The reference policy by softliq and by hand: make bench SIZES="1e6" BENCH="--rounds 5"; docs/performance.md
SIZES ?= 1e5 1e6
bench: .venv/installed-bench
	$(BIN)/python -m tests.bench $(SIZES) $(BENCH)

clean:
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "softliq needs Python 3.11 or later; name one with: make PYTHON=python3.11 ..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing softliq into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "installing the developers' tools into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

.venv/installed-bench: .venv/installed
	@echo "installing the benchmark's peers into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@
