# Every target does all its own set-up; a second run costs nothing, because each step leaves a stamp in .venv.
# Needs make, Python 3.11 or newer, and a package index that pip or uv is set up for.

VENV   := .venv
PYTHON := $(VENV)/bin/python
UV     := $(VENV)/bin/uv
WHEELS := src/teal/compute/wheels

SCORING_SOURCES := $(shell find packages/teal-scoring -name '*.py' -o -name '*.toml' -o -name '*.md' -o -name py.typed)
CHECKED := src packages tests examples benchmarks soak scripts hatch_build.py

# uv reads no pip.conf: where the index is named only there, uv is told.
USE_PIP_INDEX := if [ -z "$$UV_DEFAULT_INDEX$$UV_INDEX_URL" ] && index=$${PIP_INDEX_URL:-$$($(PYTHON) -m pip config get global.index-url 2>/dev/null)}; \
	then export UV_DEFAULT_INDEX="$$index"; fi
# Environments of their own: none of these packages may help Teal along.
AZURE      := $(VENV)/azure
FUZZ       := $(VENV)/fuzz
MLFLOW     := $(VENV)/mlflow
PLUGIN     := $(VENV)/mlflow-plugin
TEST_AZURE  = $(USE_PIP_INDEX); TEAL_PYTHON=$(abspath $(PYTHON)) $(AZURE)/bin/python -m pytest -q tests/azure
TEST_MLFLOW = $(USE_PIP_INDEX); TEAL_PYTHON=$(abspath $(PYTHON)) $(MLFLOW)/bin/python -m pytest -q tests/mlflow
TEST_PLUGIN = $(USE_PIP_INDEX); $(PLUGIN)/bin/python -m pytest -q tests/mlflow_plugin
INSTALL := $(UV) pip install --quiet --python $(PYTHON)

# Images often set it, and then every process compiles all that it imports: a start takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup environments demo demo-mlflow test test-azure test-mlflow test-mlflow-azure test-mlflow-teal fuzz check bench bench-peers bench-mlflow bench-mlflow-registry bench-rest bench-scoring bench-scale bench-mirror soak reference lock clean

help:
	@echo "make demo    a whole safe rollout on this machine, with a client that keeps sending"
	@echo "make demo-mlflow  an MLflow model from raw data to predictions, without a scoring script"
	@echo "make test    the tests, last of all those of the stock azure-ai-ml client (make test-azure: only those)"
	@echo "             and of MLflow's client, with Azure's plug-in and with Teal's (make test-mlflow: only those)"
	@echo "make check   format, lint, types, import rules, what may stand in tracked files"
	@echo "make bench   what the gateway and the control plane cost, as tables and as JSON (make bench-rest: only the latter)"
	@echo "make reference  docs/cli-reference.md, from what --help says"
	@echo "make bench-peers   Teal beside plain proxies and the Python servers that people pick instead"
	@echo "make bench-mirror  what a live client notices of a shadow that is slow, dead, frozen or erroring"
	@echo "make bench-scale   the same control plane and gateway at 1, 1,000 and 5,000 endpoints"
	@echo "make soak    changes and faults under continuous load, and what they cost; SOAK=\"--transitions 100 --seed 1\""
	@echo "make bench-scoring the scoring server beside others"
	@echo "make bench-mlflow-registry  registering, searching and the article's flow with MLflow's client"
	@echo "make bench-mlflow  MLflow models behind Teal, MLflow's own server and MLServer"
	@echo "make setup   only the virtual environment, in $(VENV)"
	@echo "make lock    write requirements/*.txt again;  make clean   remove everything made here"

setup: $(VENV)/.dev

demo: $(VENV)/.runtime
	@$(USE_PIP_INDEX); exec $(PYTHON) -m examples.demo $(DEMO)

environments: $(VENV)/.dev $(AZURE)/.ready $(FUZZ)/.ready $(MLFLOW)/.ready $(PLUGIN)/.teal

# Several processes share the tests by files; tests/conftest.py says how many there are and which files come first.
# The suites of other clients follow side by side, each in an environment of its own.
test: environments
	@$(USE_PIP_INDEX); $(PYTHON) -m pytest -q $(if $(TESTS),$(TESTS),-n auto --dist loadfile --no-loadscope-reorder)
	@$(if $(TESTS),:,$(MAKE) --no-print-directory --jobs=3 $(filter --output-sync,$(.FEATURES:%=--%)) test-azure test-mlflow)

fuzz: $(VENV)/.dev $(FUZZ)/.ready
	@TEAL_FUZZ_EXAMPLES=$(or $(EXAMPLES),300) TEAL_FUZZ_SEED=$(or $(SEED),$$(date +%s)) $(PYTHON) -m pytest -q tests/fuzz

test-azure: $(VENV)/.dev $(AZURE)/.ready
	@$(TEST_AZURE) $(TESTS)

test-mlflow: test-mlflow-azure test-mlflow-teal

test-mlflow-azure: $(VENV)/.dev $(MLFLOW)/.ready
	@$(TEST_MLFLOW)

test-mlflow-teal: $(PLUGIN)/.teal
	@$(TEST_PLUGIN)

check: $(VENV)/.dev
	$(VENV)/bin/ruff format --check $(wildcard $(CHECKED))
	$(VENV)/bin/ruff check $(wildcard $(CHECKED))
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache
	$(PYTHON) -m pytest -q tests/docs

bench: $(VENV)/.dev $(AZURE)/.ready
	@$(USE_PIP_INDEX); $(PYTHON) -m benchmarks $(BENCH); gateway=$$?; $(PYTHON) -m benchmarks.rest && exit $$gateway

bench-mlflow-registry: $(VENV)/.dev $(MLFLOW)/.ready
	@$(USE_PIP_INDEX); TEAL_PYTHON=$(abspath $(PYTHON)) exec $(MLFLOW)/bin/python -m benchmarks.mlflow_registry

bench-rest: $(VENV)/.dev $(AZURE)/.ready
	@$(USE_PIP_INDEX); exec $(PYTHON) -m benchmarks.rest

bench-scoring: $(VENV)/.dev
	@$(USE_PIP_INDEX); exec $(PYTHON) -m benchmarks.scoring $(BENCH)

demo-mlflow: $(VENV)/.runtime
	@$(USE_PIP_INDEX); exec $(PYTHON) -m examples.heart $(DEMO)

bench-mlflow: $(VENV)/.dev
	@$(USE_PIP_INDEX); exec $(PYTHON) -m benchmarks.mlflow $(BENCH)

reference: $(VENV)/.dev
	$(PYTHON) -m scripts.cli_reference

bench-peers: $(VENV)/.dev
	@$(USE_PIP_INDEX); exec $(PYTHON) -m benchmarks.peers $(PEERS)

bench-mirror: $(VENV)/.dev
	@$(USE_PIP_INDEX); exec $(PYTHON) -m benchmarks.mirror $(MIRROR)

bench-scale: $(VENV)/.dev
	@$(USE_PIP_INDEX); exec $(PYTHON) -m benchmarks.scale $(SCALE)

soak: $(VENV)/.dev
	@$(USE_PIP_INDEX); exec $(PYTHON) -m soak $(SOAK)

LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links

lock: $(VENV)/.bootstrap
	@$(USE_PIP_INDEX); set -e; \
	$(LOCK) $(UPGRADE) requirements/bootstrap.in -o requirements/bootstrap.txt; \
	$(LOCK) $(UPGRADE) pyproject.toml -c requirements/bootstrap.txt -o requirements/runtime.txt; \
	$(LOCK) $(UPGRADE) pyproject.toml packages/teal-scoring/pyproject.toml requirements/dev.in \
		-c requirements/runtime.txt -c requirements/bootstrap.txt -o requirements/dev.txt; \
	$(LOCK) $(UPGRADE) requirements/demo.in -c requirements/dev.txt -o requirements/demo.txt; \
	$(LOCK) $(UPGRADE) requirements/azure.in -o requirements/azure.txt; \
	$(LOCK) $(UPGRADE) requirements/fuzz.in -o requirements/fuzz.txt; \
	$(LOCK) $(UPGRADE) requirements/mlflow.in -o requirements/mlflow.txt; \
	$(LOCK) $(UPGRADE) --extra mlflow pyproject.toml requirements/mlflow-plugin.in \
		-c requirements/runtime.txt -c requirements/bootstrap.txt -o requirements/mlflow-plugin.txt; \
	$(LOCK) $(UPGRADE) requirements/heart.in --override requirements/heart-overrides.in -o requirements/heart.txt

clean:
	rm -rf $(VENV) $(WHEELS)/*.whl dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find src packages tests examples scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up: first what is locked, by hash; then our own packages, without dependencies

$(VENV)/.bootstrap: requirements/bootstrap.txt scripts/require_platform.py
	@python=; for name in python3.13 python3.12 python3.11 python3; do \
		if $$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; done; \
	if [ -z "$$python" ]; then echo "Teal needs Python 3.11 or newer with its venv module (Debian, Ubuntu: python3-venv), and none of python3.13, python3.12, python3.11, python3 is one." >&2; exit 1; fi; \
	$$python scripts/require_platform.py && { $(PYTHON) -m pip --version >/dev/null 2>&1 || $$python -m venv --clear $(VENV); }
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(VENV)/.scoring-wheel: $(VENV)/.bootstrap hatch_build.py $(SCORING_SOURCES)
	@$(PYTHON) hatch_build.py
	@touch $@

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml $(VENV)/.scoring-wheel
	@$(USE_PIP_INDEX); $(INSTALL) --require-hashes -r requirements/runtime.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt packages/teal-scoring/pyproject.toml $(VENV)/.runtime
	@$(USE_PIP_INDEX); $(INSTALL) --require-hashes -r requirements/dev.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable packages/teal-scoring
	@touch $@

$(AZURE)/.ready $(FUZZ)/.ready $(MLFLOW)/.ready $(PLUGIN)/.ready: $(VENV)/%/.ready: requirements/%.txt $(VENV)/.bootstrap
	@$(UV) venv --quiet --clear --python $(PYTHON) $(VENV)/$*
	@$(USE_PIP_INDEX); $(UV) pip install --quiet --python $(VENV)/$*/bin/python --require-hashes -r $<
	@touch $@

# The extra and Teal itself, as somebody has it who installs teal-endpoints[mlflow].
$(PLUGIN)/.teal: $(PLUGIN)/.ready $(VENV)/.runtime
	@$(USE_PIP_INDEX); $(UV) pip install --quiet --python $(PLUGIN)/bin/python --require-hashes -r requirements/bootstrap.txt
	@$(UV) pip install --quiet --python $(PLUGIN)/bin/python --no-deps --no-build-isolation --editable .
	@touch $@
