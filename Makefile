# hl7calf: two commands on a fresh machine with Python 3.11 or later, make, and the network.
#
#     make demo      the real job on loopback, with every sample message
#     make test      the whole test suite
#
# PYTHON=python3.12   another Python to build .venv with (`make clean` first when .venv is there)
# ARGS="..."          passed on: make test ARGS="-k deframer", make demo ARGS=--help
# LOCKED=no           install by the floors in pyproject.toml, without versions or hashes from the lock

PYTHON ?= python3
LOCKED ?= yes
ARGS ?=

VENV = .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet
SHELL = /bin/sh

.DELETE_ON_ERROR:
.PHONY: help demo test check lint types format bench peers screenshots soak lock clean

help:
	@echo 'make demo     run the real job on loopback, with every sample message'
	@echo 'make test     run the whole test suite'
	@echo 'make check    lint, types, architecture, mappings: what CI runs first'
	@echo 'make lint     ruff: rules and formatting'
	@echo 'make types    mypy --strict'
	@echo 'make format   let ruff mend what it can'
	@echo 'make bench    measure hl7calf on this machine'
	@echo 'make peers    the same raw-socket cases against other MLLP servers: prints docs/peers.md'
	@echo 'make screenshots  take the pictures of the console again'
	@echo 'make soak     run the long tests: the whole figure of every promise, hours'
	@echo 'make lock     choose the newest allowed versions again and write both lock files'
	@echo 'make clean    remove .venv and everything that the tools left'

# ------------------------------------------------------------------------------------------- to run

demo: $(VENV)/.runtime
	@$(BIN)/hl7calf demo $(ARGS)

bench: $(VENV)/.runtime
	@$(BIN)/hl7calf bench $(ARGS)

# Most tests share the cores; those marked `alone` ask for an answer within a time and come after them. With ARGS,
# one of the two runs may have no test (pytest's 5); that is an error only when it is so for both.
test: $(VENV)/.tools
	@shared=0; alone=0; \
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile -m 'not soak and not alone' $(ARGS) || shared=$$?; \
	$(BIN)/python -m pytest -m 'alone and not soak' $(ARGS) || alone=$$?; \
	case $$shared,$$alone in 0,0|0,5|5,0) exit 0;; 0,*|5,*) exit $$alone;; *) exit $$shared;; esac

peers: $(VENV)/.tools $(VENV)/peers/.made
	@PYTHONPATH=$(VENV)/peers:. $(BIN)/python -m tests.peers $(ARGS)

# txHL7 brings a plugin for twist, so it does not go beside hl7calf.
$(VENV)/peers/.made: tests/peers/requirements.txt $(VENV)/.tools
	@rm -rf $(VENV)/peers
	@$(PIP) install --require-hashes --no-deps --target $(VENV)/peers --requirement tests/peers/requirements.txt >&2
	@touch $@

screenshots: $(VENV)/.tools
	@PYTHONPATH=src:. $(BIN)/python -m tests.console.screenshots

soak: $(VENV)/.tools
	@$(BIN)/python -m pytest -m soak $(ARGS)

# ------------------------------------------------------------------------------------------ to check

check: lint types
	@$(BIN)/python -m pip --disable-pip-version-check check
	@$(BIN)/python -m pytest -q tests/test_architecture.py
	@$(BIN)/hl7calf check mappings

lint: $(VENV)/.tools
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.tools
	@$(BIN)/mypy --strict src

format: $(VENV)/.tools
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

# ---------------------------------------------------------------------------------------- to install
# Each stamp is younger than what it was made from, so a second run installs nothing. The package itself is
# editable: a change under src/ needs no new install. hatchling, which builds it, comes from the lock as well.

UNLOCKED_HINT = echo '' >&2; \
	echo 'hl7calf: installing from the lock failed (the reason stands above).' >&2; \
	echo 'Without network: try again when PyPI can be reached.' >&2; \
	echo 'A hash that differs: the file is not the one that was locked; find out why before going on.' >&2; \
	echo 'A version without a build for this machine: make $(MAKECMDGOALS) LOCKED=no takes what pyproject.toml allows.' >&2; \
	exit 1

$(VENV)/.made:
	@$(PYTHON) -c '' 2>/dev/null || { \
		echo "hl7calf needs Python 3.11 or later, and '$(PYTHON)' does not run here." >&2; \
		echo "Name one that does: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "hl7calf needs Python 3.11 or later; '$(PYTHON)' is `$(PYTHON) -V 2>&1`." >&2; \
		echo "Name a later one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "hl7calf needs Python's venv and ensurepip, and '$(PYTHON)' came without them." >&2; \
		echo "On Debian and Ubuntu: apt install python3-venv (for a Python of another version: python3.12-venv)." >&2; exit 1; }
	@echo "Making $(VENV) with `$(PYTHON) -V` ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.made pyproject.toml requirements-runtime.lock
	@echo 'Installing hl7calf into $(VENV) (about half a minute the first time) ...'
	@if [ '$(LOCKED)' = no ]; then \
		$(PIP) install --editable .; \
	else \
		{ $(PIP) install --require-hashes --no-deps --requirement requirements-runtime.lock && \
		  $(PIP) install --no-deps --no-build-isolation --editable .; } || { $(UNLOCKED_HINT); }; \
	fi
	@touch $@

$(VENV)/.tools: $(VENV)/.runtime requirements.lock
	@echo 'Installing the test and development tools into $(VENV) (about half a minute the first time) ...'
	@if [ '$(LOCKED)' = no ]; then \
		$(PIP) install --editable '.[postgresql,test,dev]'; \
	else \
		$(PIP) install --require-hashes --no-deps --requirement requirements.lock || { $(UNLOCKED_HINT); }; \
	fi
	@touch $@

# One resolution for every Python from 3.11 on, with markers where they differ: pip-compile resolves for the
# Python that runs it, and its 3.11 file cannot be installed with hashes on 3.13. Its own venv, so that a
# broken lock can be mended. No index, host or path is written into the files.
COMPILE = $(VENV)/lock/bin/uv pip compile --quiet --no-config --upgrade --universal --python-version 3.11 \
	--generate-hashes --custom-compile-command 'make lock' --annotation-style line \
	--no-emit-index-url --no-emit-find-links pyproject.toml --group build

lock: $(VENV)/.made
	@$(PYTHON) -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip --disable-pip-version-check --quiet install 'uv>=0.9'
	@$(COMPILE) --all-extras --output-file requirements.lock
	@$(COMPILE) --constraints requirements.lock --output-file requirements-runtime.lock
	@echo 'Written: requirements.lock requirements-runtime.lock'

clean:
	rm -rf $(VENV) build dist htmlcov mutants .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
