# Every task of this project. Needs make and a Python >= 3.11; everything else is installed into .venv, by hash.

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
# The machine's own certificates, so that a company's registry or proxy is trusted as pip trusts it.
UV := UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never $(BIN)/uv --quiet --no-progress
# The environment is named, so that another one which happens to be active is left alone.
INTO := --python $(BIN)/python
EDITABLE = $(UV) pip install $(INTO) --no-deps --no-build-isolation --editable .
# npm comes with the development lock, runs nothing of what it installs, and trusts the machine's certificates too.
NODE := tests/interop/node
RUN_NPM = NODE_USE_SYSTEM_CA=1 $(BIN)/python scripts/npm
NPM = $(RUN_NPM) $(NODE)
# Other token services, which `make bench` measures beside this one.
PEERS := bench/peers
COMPILE = $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header $(if $(UPGRADE),--upgrade)

# The tests start hundreds of processes, each of which would compile a thousand modules if Python might not keep them.
unexport PYTHONDONTWRITEBYTECODE

# Arguments for `make run`, `make bench` and `make pytest`.
ARGS ?=
# Tests are shared out by file, so that what a file starts is started once; more than 4 workers gain nothing.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check pytest again chaos coverage fmt bench screenshots docs lock venv clean

help: ## List the tasks
	@echo "Tokenbooth: make TASK"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(STAMPS)/run ## Start a booth with demo content (ARGS="--port 9000")
	@exec $(BIN)/tokenbooth serve --demo $(ARGS)

test: check ## Check, then run every test: what CI runs
	@$(MAKE) pytest || $(MAKE) again

check: $(STAMPS)/dev ## Format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

pytest: $(STAMPS)/dev $(STAMPS)/node $(STAMPS)/system ## Run the tests (ARGS="tests/protocol -k scope")
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --maxprocesses=4 --dist=loadfile --no-loadscope-reorder $(ARGS)

again: $(STAMPS)/dev ## Run what failed last once more, one test at a time with the machine to itself
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures=none

chaos: $(STAMPS)/dev $(STAMPS)/system $(STAMPS)/faults $(STAMPS)/patroni ## Break what the service needs under load, and look what it keeps: ten minutes
	$(BIN)/python -m pytest tests/chaos $(ARGS)

coverage: $(STAMPS)/dev $(STAMPS)/node $(STAMPS)/system ## Run the tests and tell which lines none of them ran: twice as long
	@$(MAKE) --no-print-directory pytest ARGS="--cov --cov-report=term $(ARGS)"

fmt: $(STAMPS)/dev ## Format, and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMPS)/dev ## Measure beside other token services (ARGS="--quick", ARGS="--help")
	@$(MAKE) --no-print-directory --keep-going $(addprefix $(STAMPS)/peers-,python node debian) \
		|| echo "Not every peer could be installed: those that could are measured." >&2
	$(BIN)/python -m bench $(ARGS)

screenshots: $(STAMPS)/dev $(STAMPS)/system ## Take the pictures of the console anew, into docs/images/
	$(BIN)/python -m tests.browser.screenshots docs/images

docs: $(STAMPS)/dev ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

lock: $(STAMPS)/uv ## Lock the dependencies of pyproject.toml (UPGRADE=1 for newer versions)
	$(COMPILE) pyproject.toml --extra server --extra postgres --extra redis --group build --output-file requirements/run.lock
	$(COMPILE) pyproject.toml --all-extras --group dev --constraints requirements/run.lock \
		--output-file requirements/dev.lock
	$(COMPILE) requirements/uv.in --output-file requirements/uv.lock
	$(COMPILE) requirements/patroni.in --output-file requirements/patroni.lock
	@$(MAKE) --no-print-directory $(STAMPS)/dev
	$(NPM) lock
	$(COMPILE) $(PEERS)/requirements.in --output-file $(PEERS)/requirements.lock
	$(RUN_NPM) $(PEERS) lock

venv: $(STAMPS)/dev $(STAMPS)/node $(STAMPS)/system ## Make .venv with all that development needs

clean: ## Remove .venv and everything that was built
	rm -rf $(VENV) $(NODE)/node_modules $(PEERS)/.venv $(PEERS)/node_modules build dist site htmlcov .coverage .coverage.* coverage.xml
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps stand for steps that were done; they are inside .venv, so they go with it.
$(STAMPS)/uv: requirements/uv.lock scripts/make-venv
	@echo "Making $(VENV)"
	@scripts/make-venv
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: $(STAMPS)/uv requirements/run.lock pyproject.toml
	@echo "Installing what the service needs"
	@$(UV) pip install $(INTO) --require-hashes --requirements requirements/run.lock
	@$(EDITABLE)
	@touch $@

# The development lock holds the service's too, in the same versions, so `make run` has nothing left to do after it.
$(STAMPS)/dev: $(STAMPS)/uv requirements/run.lock requirements/dev.lock pyproject.toml
	@echo "Installing what the tests need"
	@$(UV) pip sync $(INTO) --require-hashes requirements/dev.lock
	@$(EDITABLE)
	@touch $(STAMPS)/run $@

# What the tests drive and no registry of Python or JavaScript has.
$(STAMPS)/system: $(STAMPS)/uv scripts/system-packages
	@scripts/system-packages nginx=nginx-light softhsm2-util=softhsm2 jq=jq go=golang-go pg_createcluster=postgresql redis-server=redis-server systemd-analyze=systemd chromium="chromium fonts-liberation"
	@touch $@

# What breaks things for them.
$(STAMPS)/faults: $(STAMPS)/uv scripts/system-packages
	@scripts/system-packages strace=strace faketime=faketime
	@touch $@

# What only the failover of PostgreSQL needs: apart from the rest, since it is much.
$(STAMPS)/patroni: $(STAMPS)/uv requirements/patroni.lock scripts/system-packages
	@scripts/system-packages etcd=etcd-server
	@$(UV) venv --clear --python $(BIN)/python $(VENV)/patroni
	@$(UV) pip install --python $(VENV)/patroni/bin/python --require-hashes --requirements requirements/patroni.lock
	@touch $@

$(STAMPS)/node: $(STAMPS)/dev $(NODE)/package-lock.json
	@echo "Installing the JavaScript libraries that the tests run"
	@$(NPM) ci
	@touch $@

$(STAMPS)/peers-python: $(STAMPS)/dev $(PEERS)/requirements.lock
	@echo "Installing the peers written in Python"
	@rm -rf $(PEERS)/.venv
	@$(UV) venv --python $(BIN)/python $(PEERS)/.venv
	@$(UV) pip sync --python $(PEERS)/.venv/bin/python --require-hashes $(PEERS)/requirements.lock
	@touch $@

$(STAMPS)/peers-node: $(STAMPS)/dev $(PEERS)/package-lock.json
	@echo "Installing the peer written in JavaScript"
	@$(RUN_NPM) $(PEERS) ci
	@touch $@

$(STAMPS)/peers-debian: $(STAMPS)/system
	@scripts/system-packages glewlwyd=glewlwyd
	@touch $@
