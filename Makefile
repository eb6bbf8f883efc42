# Everything a developer types; `make` alone lists it. Needs git, make, and a Python >= 3.11 with venv (or uv on PATH).

VENV := .venv
PYTHON := $(VENV)/bin/python
# What both servers run, and with it what tests, lint, types and benchmarks add: `make run` does not wait for the second.
STAMP := $(VENV)/.complete
DEV_STAMP := $(VENV)/.complete-dev

# BASE_PYTHON=/path/to/python chooses the interpreter. ARGS are more words for pytest: make test ARGS="-k refresh -x".
# Without ARGS the tests are spread over a process for each core; WORKERS=0 keeps them in one. PROFILE=postgres is for `up` and `down`. UPGRADE=1 lets `lock` take newer versions.
BASE_PYTHON ?=
ARGS ?=
WORKERS ?= $(if $(ARGS),0,auto)
PROFILE ?=
UPGRADE ?=
DRILLS ?=
COUNT ?=
SEED ?=

# Left alone, uv fetches a missing interpreter from a place that is no package index: it surprises, and fails on closed networks.
export UV_PYTHON_DOWNLOADS := never
# Many an image of Python forbids to keep what was compiled; then each process that a test, the demo or `make run` starts compiles all of it anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup run demo test lint types format wheel bench fuzz drills drills-full migrate up down lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## Make the environment in .venv, with both servers' commands in .venv/bin
	@:

run: $(STAMP) ## Start both servers on SQLite with a demo user; Ctrl-C stops them
	@$(PYTHON) -m docs.demo.run

demo: $(STAMP) ## Walk the whole flow on free ports, print what happened, exit 0 if all of it held
	@$(PYTHON) -m docs.demo.walk

test: $(DEV_STAMP) ## Run the tests (ARGS="-k word"); REQUIRE_ALL=1 fails where a service is missing
	$(PYTHON) -m pytest $(if $(filter-out 0,$(WORKERS)),-n $(WORKERS) --maxprocesses 8 --dist worksteal) $(ARGS)

lint: $(DEV_STAMP) ## Check style and formatting
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(DEV_STAMP) ## Check types, strictly
	$(VENV)/bin/mypy $(wildcard auth_server resource_server shared tests benchmarks docs/demo/*.py docs/packaging/*.py docs/examples/*.py)

format: $(DEV_STAMP) ## Write the one formatting there is
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

wheel: $(STAMP) ## Build the kit and the auth server as distributions of their own, into dist/
	@$(PYTHON) -m docs.packaging.build

bench: $(DEV_STAMP) ## Measure both servers, then the kit beside other libraries; write tables and plots
	@$(PYTHON) -m benchmarks; measured=$$?; $(PYTHON) -m benchmarks.peers.speed && $(PYTHON) -m benchmarks.peers && exit $$measured

drills: $(DEV_STAMP) ## Try both servers against faults at reduced counts, within 30 minutes; DRILLS="R1 R4" picks
	@$(PYTHON) -m tests.drills $(DRILLS)

drills-full: $(DEV_STAMP) ## The same at full counts: hours
	@$(PYTHON) -m tests.drills --full $(DRILLS)

fuzz: $(DEV_STAMP) ## Break a million tokens and sign a million odd ones; none may pass that should not (COUNT=, SEED=)
	@$(PYTHON) -m tests.fuzz $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED))

migrate: $(STAMP) ## Bring the database that AUTH_SERVER_DATABASE_URL names to the newest schema
	@$(VENV)/bin/auth-server migrate

up: ## Start the containers; PROFILE=postgres puts PostgreSQL under the auth server
	docker compose $(if $(PROFILE),--profile $(PROFILE)) up --build --detach --wait

down: ## Stop the containers; their volumes stay
	docker compose --profile '*' down

lock: $(DEV_STAMP) ## Resolve pyproject.toml into the four hashed locks; UPGRADE=1 takes newer versions
	@$(PYTHON) -m uv --version >/dev/null 2>&1 || $(PYTHON) -m pip install --quiet $(UV) || uv pip install --python $(PYTHON) --quiet $(UV)
	$(COMPILE) $(if $(UPGRADE),--upgrade) --group dev --output-file requirements.lock
	$(COMPILE) --constraints requirements.lock --group setup --output-file setup.lock
	$(COMPILE) --constraints requirements.lock --group auth-server --output-file auth_server/requirements.lock
	$(COMPILE) --constraints requirements.lock --group resource-server --output-file resource_server/requirements.lock

clean: ## Remove the environment and every cache; databases in data/ stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# 17 MB that only `make lock` needs: pinned here, and no part of the environment. One version, so that its output stays the same.
UV := uv==0.13.9
COMPILE = $(PYTHON) -m uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	--annotation-style line --custom-compile-command "make lock"

# An environment knows its own place (scripts, the editable install): one that was moved or copied is made again.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

$(STAMP): setup.lock pyproject.toml
	@LOCK=setup.lock sh -c "$$SETUP"

$(DEV_STAMP): requirements.lock $(STAMP)
	@LOCK=requirements.lock sh -c "$$SETUP"
	@touch $@

define SETUP
set -eu
complain() { printf 'setup: %s\n' "$$@" >&2; exit 1; }

# A name on PATH proves nothing (version managers leave shims for what is not chosen): each candidate has to run.
base=
for name in $(or $(BASE_PYTHON),python3.13 python3.12 python3.11 python3 python); do
    if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then base=$$name; break; fi
done

# There is no whole environment here: none was finished, its place was another, or its interpreter went away.
absent() { [ "$$(cat $(STAMP) 2>/dev/null)" != "$(CURDIR)" ] || ! $(PYTHON) -c '' 2>/dev/null; }
# What an older lock asked for and this one does not must go: such an environment is made anew. The second lock holds the first.
outdated() { [ -e "$(VENV)/$$LOCK" ] && ! cmp -s "$$LOCK" "$(VENV)/$$LOCK"; }

# --only-binary: nothing is built during set-up, so the hashes of the lock cover all that runs.
if command -v uv >/dev/null 2>&1; then
    if absent; then uv venv --quiet --clear --python "$${base:->=3.11}" $(VENV); fi
    uv pip sync --quiet --python $(PYTHON) --require-hashes --only-binary :all: --compile-bytecode "$$LOCK"
    uv pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation --offline --editable .
else
    [ -n "$$base" ] || complain "found no Python 3.11 or newer as $(or $(BASE_PYTHON),python3.13 .. python3.11 or python3)" \
        "BASE_PYTHON=/path/to/python names one"
    "$$base" -c 'import venv, ensurepip' 2>/dev/null || complain "$$base has no venv module" \
        "on Debian or Ubuntu: apt-get install $$("$$base" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')"
    if absent || outdated; then
        echo "Setting up $(VENV) with $$("$$base" --version) (once, and when the lock changes)"
        "$$base" -m venv --clear $(VENV)
    elif [ ! -e "$(VENV)/$$LOCK" ]; then
        echo "Adding to $(VENV) what tests and checks need (once, and when the lock changes)"
    fi
    $(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement "$$LOCK"
    $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
fi
cp "$$LOCK" "$(VENV)/$$LOCK"
printf '%s\n' "$(CURDIR)" > $(STAMP)
endef
export SETUP
