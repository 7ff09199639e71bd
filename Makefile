# `make` alone lists the targets. Every target works on a fresh checkout with Python 3.11 or later and make:
# the first one run creates .venv and installs what is needed, at the versions of constraints.txt.
.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3.11 python3 python; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
READY := .venv/.installed
# One more than there are cores: many tests wait for something.
TEST_JOBS ?= $(shell echo $$(( $$(nproc 2>/dev/null || echo 1) + 1 )))

# Some containers set it. The tests start hundreds of processes, each of which would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

CHAOS_ROUNDS ?= 20
SECONDS ?= 60

.PHONY: fuzz chaos screenshots client help demo test test-pythons lint format serve bench bench-quick proto constraints clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "spanhouse needs Python 3.11 or later on PATH (or: make PYTHON=/path/to/python3.11)"; exit 1; }
	@test -x $(BIN)/python || { echo "== creating .venv with $(PYTHON)"; $(PYTHON) -m venv .venv; }
	@echo "== installing spanhouse and its tools into .venv (once; about a minute)"
	@$(BIN)/python -m pip install --progress-bar on --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY) ## time the standard library's own code, end to end, and print the percentiles
	@$(BIN)/python -m examples.demo

# A file stays with one worker: most have a server that all of their tests share.
test: $(READY) ## run all tests (real server, real engine, real sockets)
	$(BIN)/python -m pytest -n $(TEST_JOBS) --dist loadfile

test-pythons: $(READY) ## run the client's tests under Python 3.11, 3.12 and 3.13, where present
	$(BIN)/python tools/test_pythons.py

chaos: $(READY) ## the long form of the tests that kill, fill and overload (CHAOS_ROUNDS=20)
	SPANHOUSE_CHAOS_ROUNDS=$(CHAOS_ROUNDS) $(BIN)/python -m pytest tests/end_to_end/test_exactly_once.py tests/end_to_end/test_clickhouse_server.py \
		tests/end_to_end/test_disk_full.py tests/end_to_end/test_corrupt_load.py \
		tests/end_to_end/test_overload.py

fuzz: $(READY) ## let a fuzzer make up requests (SECONDS=60 for each kind); needs pip install -e '.[fuzz]'
	$(BIN)/python tools/fuzz.py $(SECONDS)

lint: $(READY) ## ruff, mypy --strict, the import walls, and generated code up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/generate_proto.py --check
	$(BIN)/python tools/generate_settings_page.py --check
	$(BIN)/python tools/generate_cli_page.py --check
	$(BIN)/python tools/generate_client.py --check

format: $(READY) ## let ruff format and fix what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

serve: $(READY) ## start a server on the default ports, data in ./spanhouse-data
	$(BIN)/spanhouse serve --data spanhouse-data

bench: $(READY) ## measure every budget against its peers, in one run
	$(BIN)/python -m benchmarks

bench-quick: $(READY) ## the same in under two minutes, with wider error
	$(BIN)/python -m benchmarks --quick

screenshots: $(READY) ## take the pictures of the dashboard again (needs Chromium)
	$(BIN)/python tools/screenshots.py

client: $(READY) ## write the client's methods and rows again, after changing a question
	$(BIN)/python tools/generate_client.py

proto: $(READY) ## regenerate the protobuf code
	$(BIN)/python tools/generate_proto.py

constraints: $(READY) ## write the installed versions to constraints.txt
	$(BIN)/python -m pip freeze --exclude-editable | grep -v ' @ ' > constraints.txt

clean: ## remove .venv, caches and build output
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
