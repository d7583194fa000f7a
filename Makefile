# Every target sets up what it needs: `make demo` and `make test` work on a machine with Python 3.11+ alone.
# The virtual environment is built again only when pyproject.toml or constraints.txt change.
VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := $(VENV)/bin
DEMO ?= demo-data
# What is installed beside the program, of the extras in pyproject.toml: for example EXTRAS=dev,cluster.
EXTRAS ?= dev
READY := $(VENV)/.ready-$(EXTRAS)
SOURCES ?= build/cluster-sources

FAULTS ?= 100
SEED ?= 1

.PHONY: setup demo study notebooks test lint check check-all chaos cluster-test schema cluster-sources clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: put it on the PATH or say make PYTHON=..."; exit 2; }
	@echo "Setting up $(VENV) with $(PYTHON) (several GB and some minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	@touch $@

demo: setup
	@test -d $(DEMO) || $(BIN)/python -m orchestrator data demo $(DEMO)
	@$(BIN)/python -m orchestrator phase1 --data $(DEMO) --preset smoke
	@$(BIN)/python -m orchestrator explain-images phase1 --data $(DEMO)
	@echo "The report: $(CURDIR)/results/reports/phase1/index.html"

study: setup
	@test -d $(DEMO) || $(BIN)/python -m orchestrator data demo $(DEMO)
	@$(BIN)/python -m orchestrator study --data $(DEMO) --preset smoke
	@$(BIN)/python -m orchestrator explain-images phase1 phase2 phase3 phase4 --data $(DEMO)
	@$(BIN)/python -m orchestrator report final

# Every notebook from top to bottom, as a page of its own. This environment's Python is their kernel, whatever
# kernels the user has installed.
notebooks: export JUPYTER_PREFER_ENV_PATH := 1
notebooks: export ORCHESTRATOR_NOTEBOOK_RESULTS ?= $(CURDIR)/results
notebooks: export ORCHESTRATOR_NOTEBOOK_DATA ?= $(CURDIR)/$(DEMO)
notebooks: setup
	@PYTHONPATH=$(CURDIR) $(BIN)/python -m nbconvert --execute --to html --output-dir results/notebooks notebooks/*.ipynb
	@echo "The notebooks: $(CURDIR)/results/notebooks"

# What starts Ray waits for it most of the time, so its tests run beside the others, which are spread over the cores:
# two files at once, in the order of their names since the longest (an interrupted run) has the fewest tests.
# Bytecode is kept whatever the environment says: hundreds of processes would compile the program and its tests anew.
test: export PYTHONDONTWRITEBYTECODE :=
test: setup
	@mkdir -p build
	@$(BIN)/python -m pytest tests/end_to_end tests/orchestrator/execution -m "ray and not slow and not gpu" -n 2 \
		--dist loadfile --no-loadscope-reorder > build/ray-tests.txt 2>&1 & with_ray=$$!; \
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow and not gpu and not ray" -n auto --maxprocesses 8 \
		--dist worksteal; others=$$?; \
	echo "The tests that start Ray:"; wait $$with_ray; with_ray=$$?; cat build/ray-tests.txt; \
	test $$others -eq 0 && test $$with_ray -eq 0

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

check: lint test

# What is slow starts Ray, processes and servers of its own: two files at once.
check-all: export PYTHONDONTWRITEBYTECODE :=
check-all: check
	@$(BIN)/python -m pytest -m "(slow or gpu) and not cluster" -n 2 --dist loadfile

# What may happen to a study, as many faults as FAULTS, drawn from SEED.
chaos: export PYTHONDONTWRITEBYTECODE :=
chaos: export ORCHESTRATOR_CHAOS_FAULTS := $(FAULTS)
chaos: export ORCHESTRATOR_CHAOS_SEED := $(SEED)
chaos: setup
	@$(BIN)/python -m pytest tests/chaos -n 3 --dist worksteal

# Clusters of pretended machines, by root. They wait for each other most of the time, so two files run at once.
cluster-test: export PYTHONDONTWRITEBYTECODE :=
cluster-test:
	@$(MAKE) --no-print-directory setup EXTRAS=dev,cluster,cluster-test
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/cluster tests/end_to_end/test_remote_results.py -n 2 \
		--dist loadfile

schema: setup
	@$(BIN)/python -m orchestrator schema > experiments/schema.json

# The program as a cluster gets it: what is committed, and of which commit, since machines there have no git.
# The folder is replaced as a whole, so that nothing of an older commit stays in it.
cluster-sources:
	@git diff --quiet HEAD || echo "Changes that are not committed are left out"
	@rm -rf $(SOURCES) && mkdir -p $(SOURCES)
	@git archive --format=tar HEAD orchestrator trainables experiments cluster cluster.yaml benchmarks \
		Makefile pyproject.toml setup.py constraints.txt README.md | tar -x -C $(SOURCES)
	@git rev-parse HEAD > $(SOURCES)/orchestrator/commit.txt
	@echo "$(SOURCES): commit $$(cat $(SOURCES)/orchestrator/commit.txt)"

clean:
	rm -rf $(VENV)
