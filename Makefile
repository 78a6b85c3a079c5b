# Thin on purpose: `python -m environment` knows how; this knows what belongs together.
# ARGS reaches behave, pytest, the fixtures, the training, the bench, the mutants and the soak:
# make e2e ARGS="--tags=@us1". JOBS=2 lets two processes run the suite side by side; ARGS=-n0 lets
# the unit tests run in one, as --pdb and -s want it.

VENV    := .venv
BIN     := $(VENV)/bin
PY      := $(BIN)/python
READY   := $(VENV)/.requirements
# A run of its own name has results of its own: two side by side would delete each other's.
RESULTS := artifacts/results$(if $(E2E_RUN_ID),-$(E2E_RUN_ID))
BEHAVE  := $(PY) -m behave features/
JUNIT   := --junit --junit-directory
ARGS    ?=
RUNS    ?= 10
JOBS    ?= 1
SUITE   := $(if $(filter-out 1,$(JOBS)),$(PY) -m environment suite --jobs $(JOBS),$(BEHAVE))

.DEFAULT_GOAL := help
.PHONY: help e2e test p1 up down images fixtures models engines pull-models config trace verbatim bench mutants soak clean

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

e2e: $(READY) ## Run the whole suite against real containers, installing what is missing
	@$(PY) -m environment setup
	@rm -rf $(RESULTS)/behave
	@$(SUITE) -D behave.reporter.junit.show_skipped_always=true \
	    $(JUNIT) $(RESULTS)/behave $(ARGS)

p1: $(READY) ## Run the priority-1 scenarios that are not slow
	@$(PY) -m environment setup
	@rm -rf $(RESULTS)/p1
	@$(BEHAVE) --tags="@p1 and not @slow" $(JUNIT) $(RESULTS)/p1 $(ARGS)

test: $(READY) ## Run ruff, mypy and the unit tests (no Docker needed)
	@$(PY) -m environment setup --for test
	@rm -f $(RESULTS)/pytest.xml
	@status=0; \
	$(BIN)/ruff check . || status=1; \
	$(BIN)/ruff format --check . || status=1; \
	$(BIN)/mypy || status=1; \
	$(PY) -m pytest -n 2 --dist loadfile --junitxml=$(RESULTS)/pytest.xml $(ARGS) || status=1; \
	exit $$status

up: $(READY) ## Start the system and leave it running, to play with
	@$(PY) -m environment up

down: $(READY) ## Remove what `make up` left running
	@$(PY) -m environment down

images: $(READY) ## Pull or build the images; ARGS=--sizes tells how large they are, by part
	@$(PY) -m environment images $(ARGS)

fixtures: $(READY) ## Make the clips in fixtures/streams anew
	@$(PY) -m environment fixtures $(ARGS)

models: $(READY) ## Train the pocket models anew (two hours; interrupted, it goes on next time)
	@$(PY) -m environment models $(ARGS)

engines: $(READY) ## Run the contract tests of the speech engines: ARGS="--profile embedded"
	@$(PY) -m environment engines $(ARGS)

pull-models: $(READY) ## Fetch the full models for STS_PROFILE=neural, or take FROM=<folder>
	@$(PY) -m environment pull-models $(if $(FROM),--from "$(FROM)")

config: $(READY) ## Print every environment variable, its value and its meaning
	@$(PY) -m environment config

trace: $(READY) ## Print what proves each requirement, and the results of the last `make e2e`
	@$(PY) -m environment trace --results $(RESULTS)/behave $(ARGS)

verbatim: $(READY) ## Hold the features against the specifications: SPECS=<folder>
	@test -n "$(SPECS)" || { echo "Which specifications? make verbatim SPECS=<folder>" >&2; exit 2; }
	@$(PY) -m environment verbatim "$(SPECS)"

bench: $(READY) ## Measure the system and print the table of bounds
	@$(PY) -m environment setup
	@$(PY) -m environment.bench $(ARGS)

mutants: $(READY) ## Sabotage copies of the product; the suite must notice each
	@$(PY) -m environment setup
	@$(PY) -m tests.mutants $(ARGS)

soak: $(READY) ## Run the suite RUNS=10 times and print how often it passed (SC-007)
	@$(PY) -m environment setup
	@$(PY) -m environment soak --runs $(RUNS) --jobs $(JOBS) $(ARGS)

clean: $(READY) ## Remove containers, images, wheels and evidence (not .venv, not models)
	@$(PY) -m environment clean

# The newest release is not the one the pins were tried with, so the oldest goes first.
$(READY): requirements.txt
	@for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        $$python -P environment/provision/bootstrap.py; exit $$?; \
	    fi; \
	done; \
	echo "No Python 3.11 or newer on PATH. Remedy: apt-get install python3," \
	     "or name one: make PYTHON=/path/to/python3" >&2; exit 2
