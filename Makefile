# The only commands a newcomer needs: make run, make test, make ui.
# Each sets up what it needs; PYTHON chooses the interpreter (3.11 to 3.13).

PYTHON ?= python3
# Tests share two cores well: half of the time a run waits for dbt or for a browser.
TEST_WORKERS ?= 2
# What make test-pythons runs of them, and on which Pythons.
UNIT_TESTS ?= tests/unit
PYTHONS ?= 3.11 3.12 3.13
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv

# What make soak runs in full and make test runs a little of: kills, any table, any delivery order.
SOAKS := tests/pipeline/test_publish_faults.py tests/pipeline/test_killed_run.py \
  tests/pipeline/test_online_retail.py tests/pipeline/test_merge_undone.py \
  tests/pipeline/test_full_disk_run.py tests/pipeline/test_fortnight.py \
  tests/pipeline/test_two_services.py tests/pipeline/test_daily_run.py \
  tests/pipeline/test_inspect_commands.py tests/pipeline/test_parquet_only.py \
  tests/unit/load/test_any_table.py tests/unit/load/test_numbers.py \
  tests/unit/load/test_polluted_files.py tests/unit/load/test_damaged_files.py tests/unit/cli \
  tests/unit/load/test_replaced_files.py tests/unit/publish/test_postgres.py \
  tests/unit/identity/test_bounds.py tests/unit/identity/test_golden_record.py \
  tests/unit/identity/test_increment.py tests/unit/identity/test_year.py \
  tests/unit/privacy tests/unit/activation tests/pipeline/test_erasure.py \
  tests/integration/dbt_core tests/integration/increments

.DEFAULT_GOAL := help
.PHONY: help run ui test test-pythons spark test-spark wheel soak bench lint format contracts texts lock clean

help:
	@echo "make run    land the committed sample and run the daily job"
	@echo "make ui     Dagster's UI on http://127.0.0.1:3000"
	@echo "make test   every test"
	@echo "make test-pythons   unit tests and the sample on the other supported Pythons that are here"
	@echo "make spark  add Spark, for HOURGLASS_ENGINE=spark; it needs Java 17 (docs/spark.md)"
	@echo "make test-spark  the models on Spark against the same on DuckDB"
	@echo "make wheel  the package, for pipx install"
	@echo "make soak   the long tests: kills, random files, random deliveries"
	@echo "make bench  speed and memory as ratios, accuracy against the truth"
	@echo "make lint   ruff, sqlfluff"
	@echo "make texts  bring the report's message catalogues up to the code; then translate them"
	@echo "make contracts  write what follows from the source contract and the code"

run: $(VENV)/.run
	@$(BIN)/hourglass run --sample

ui: $(VENV)/.run
	@$(BIN)/hourglass ui

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder \
	  --durations 20 --durations-min 10 $(ARGS)

# UNIT_TESTS on every other of PYTHONS that this machine has (also in pyenv's folder), each in an
# environment of its own; then the sample's marts against those that this Python makes.
test-pythons: $(VENV)/.dev
	@ours=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); others=; \
	for version in $(PYTHONS); do \
	  if [ $$version = $$ours ]; then echo "Python $$version: make test"; continue; fi; \
	  found=; \
	  for python in python$$version $$HOME/.pyenv/versions/$$version*/bin/python$$version; do \
	    if $$python -c "import ensurepip, venv" 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -n "$$found" ]; then \
	    echo "Python $$version" && $(MAKE) --no-print-directory VENV=.venv-$$version \
	      PYTHON=$$found ARGS="$(UNIT_TESTS) $(ARGS)" test || exit 1; \
	    others="$$others .venv-$$version/bin/python"; \
	  else echo "Python $$version: not on this machine"; fi; \
	done; \
	[ -z "$$others" ] || $(BIN)/python -m tests.pythons $$others

# What the models need on Spark, beside what is installed.
spark: $(VENV)/.spark

# The models on Spark against the same models on DuckDB; SOAK=1 with whole runs (make soak).
test-spark: $(VENV)/.dev $(VENV)/.spark
	SPARK_TESTS=1 $(BIN)/python -m pytest tests/spark $(ARGS)

# dist/hourglass-<version>-py3-none-any.whl, for pipx and the like.
wheel: $(VENV)/.dev
	rm -rf build
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
	  --wheel-dir dist .
	rm -rf build

soak: $(VENV)/.dev
	SOAK=1 HYPOTHESIS_EXAMPLES=1000 $(BIN)/python -m pytest --timeout 0 $(SOAKS) $(ARGS)

bench: $(VENV)/.dev
	$(BIN)/python -m tests.bench $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/sqlfluff lint --processes 0 dbt/models dbt/tests

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

texts: $(VENV)/.dev
	$(BIN)/python -m dagster_project.report.catalogues

# Staging models, dbt's YAML, exposures and pages from the contract and the code; then the asset graph
# that reviewers see (tests/integration/definitions.json).
contracts: $(VENV)/.dev
	$(BIN)/python -m dagster_project.contracts.generate
	UPDATE_SNAPSHOTS=1 $(BIN)/python -m pytest tests/integration/test_definitions.py -k reviewed

# Pinned versions with hashes, for Python 3.11 to 3.13 on Linux and macOS, without index addresses.
lock: $(VENV)/.uv
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header pyproject.toml -o requirements.lock
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --extra postgres --extra storage -c requirements.lock pyproject.toml \
	  -o requirements-server.lock
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --extra spark -c requirements-dev.lock pyproject.toml \
	  -o requirements-spark.lock

clean:
	rm -rf $(VENV) dbt/target dbt/logs .pytest_cache .ruff_cache .hypothesis

$(VENV)/.uv: requirements-uv.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else "Hourglass needs Python 3.11 to 3.13, found %d.%d. Run for example: make run PYTHON=python3.12" % v)'
	@echo "Preparing $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@touch $@

# Compiled while installing: where Python may not write bytecode (a read-only installation,
# PYTHONDONTWRITEBYTECODE) each process of a run would compile what it imports, 20 s in all.
$(VENV)/.run: $(VENV)/.uv requirements.lock pyproject.toml
	@if test -f $(VENV)/.dev; then $(MAKE) --no-print-directory $(VENV)/.dev; else \
	  echo "Installing the locked dependencies" && \
	  export VIRTUAL_ENV=$(VENV) && \
	  $(UV) pip sync --quiet --compile-bytecode --require-hashes requirements.lock requirements-uv.lock && \
	  $(UV) pip install --quiet --no-deps --no-build-isolation -e . && \
	  $(BIN)/python -m compileall -q dagster_project; fi
	@rm -f $(VENV)/.spark && touch $@

$(VENV)/.dev: $(VENV)/.uv requirements-dev.lock pyproject.toml
	@echo "Installing the locked dependencies, with those of the tests"
	@VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --compile-bytecode --require-hashes requirements-dev.lock requirements-uv.lock
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q dagster_project
	@rm -f $(VENV)/.spark && touch $@ $(VENV)/.run

# Added to what is there; the rules above take away what their locks do not name, and the mark.
$(VENV)/.spark: $(VENV)/.run requirements-spark.lock
	@echo "Installing Spark (450 MB)"
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-build-isolation --require-hashes -r requirements-spark.lock
	@touch $@
