# Every target works in a fresh clone: it makes .venv first. Names and options are listed by `make`.
.DEFAULT_GOAL := help
.PHONY: help setup demo up clients test coverage chaos bench check schema rules lock clean

PYTHON_BIN := .venv/bin/python
INSTALLED := .venv/.installed
# Most tests wait for a server: more processes than processors are no loss.
PROCESSES ?= 5
export PYTHON
# Temporal's sandbox imports the workflows' modules once for each workflow: without compiled files it compiles them anew.
unexport PYTHONDONTWRITEBYTECODE

# An environment whose Python no longer starts is made anew.
ifneq ($(wildcard $(INSTALLED)),)
$(shell $(PYTHON_BIN) -c '' 2>/dev/null || rm -f $(INSTALLED))
endif

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' Makefile

setup: $(INSTALLED) ## make .venv from requirements.lock (PYTHON=/path/to/python chooses the Python)
	@:

$(INSTALLED): requirements.lock
	@sh tools/setup.sh

demo: $(INSTALLED) ## move the three VMs of plans/contoso.yaml on this machine (YES=1 approves; SPEED=X SEED=FILE)
	@exec $(PYTHON_BIN) -m runtime.embedded demo $${SEED:+--seed "$$SEED"} $${SPEED:+--speed "$$SPEED"} $${YES:+--yes}

up: $(INSTALLED) ## run Temporal, its UI, the simulator and a worker until Ctrl-C (SEED=FILE starts anew; SPEED=X)
	@exec $(PYTHON_BIN) -m runtime.embedded up $${SEED:+--seed "$$SEED"} $${SPEED:+--speed "$$SPEED"}

test: $(INSTALLED) ## run the tests (ARGS="-k name" passes options to pytest)
	@exec $(PYTHON_BIN) -m pytest -n $(PROCESSES) $(ARGS)

clients: $(INSTALLED) ## install the Azure CLI and the JavaScript SDK into .clients, for the tests that drive them
	@exec $(PYTHON_BIN) -m tests.clients.install

coverage: $(INSTALLED) ## run the tests and tell which branches none took (more than twice as long)
	@exec $(PYTHON_BIN) -m pytest -n $(PROCESSES) --cov --cov-report=term:skip-covered $(ARGS)

chaos: $(INSTALLED) ## strike plans with every fault once and judge what came of it (SEED=N ONLY=TEXT ROWS=N; WRITE=1 writes docs/durability.md; SEEDS=N random plans, FULL=1 every request by every fault)
	@if [ -n "$$FULL" ]; then \
	  exec $(PYTHON_BIN) -m tests.chaos.exhaustive $${PART:+--part "$$PART"} $${EVERY:+--every "$$EVERY"} $${AGAIN:+--again "$$AGAIN"} $${TOGETHER:+--together "$$TOGETHER"} $${ONLY:+--only "$$ONLY"} $${WRITE:+--write}; \
	elif [ -n "$$SEEDS" ]; then \
	  exec $(PYTHON_BIN) -m tests.chaos.random_plans --seeds "$$SEEDS" $${SEED:+--seed "$$SEED"}; \
	else \
	  exec $(PYTHON_BIN) -m tests.chaos $${SEED:+--seed "$$SEED"} $${ONLY:+--only "$$ONLY"} $${ROWS:+--rows "$$ROWS"} $${WRITE:+--write}; \
	fi

bench: $(INSTALLED) ## measure beside scripts with the Azure SDK's pollers, a quarter of an hour; writes docs/benchmarks.md (SIZE=N ROUNDS=N FAULTY=PERCENT SPEED=X ONLY=PARTS RECOVERY=1)
	@exec $(PYTHON_BIN) -m benchmarks $${SIZE+--size "$$SIZE"} $${ROUNDS+--rounds "$$ROUNDS"} $${FAULTY+--faulty "$$FAULTY"} $${SPEED+--speed "$$SPEED"} $${ONLY+--only "$$ONLY"} $${RECOVERY+--recovery "$$RECOVERY"}

check: $(INSTALLED) ## lint, check the format, the types and the direction of imports
	$(PYTHON_BIN) -m ruff check
	$(PYTHON_BIN) -m ruff format --check
	$(PYTHON_BIN) -m mypy
	PYTHONPATH=. $(PYTHON_BIN) .venv/bin/lint-imports

schema: $(INSTALLED) ## write docs/plan.schema.json from the plan's model
	@exec $(PYTHON_BIN) -m migration.schema

rules: $(INSTALLED) ## write docs/preflight.md from the rules, and docs/parity.md from its table
	@$(PYTHON_BIN) -m migration.rules.page
	@exec $(PYTHON_BIN) -m migration.parity.page

lock: ## write requirements.lock anew from pyproject.toml (needs uv)
	@sh tools/lock.sh

clean: ## stop a running stack and remove .venv .state out
	@if [ -x $(PYTHON_BIN) ] && [ -d .state ]; then $(PYTHON_BIN) -m runtime.embedded stop; fi
	@rm -rf .venv .state out
