# `make help` lists the targets. Everything is installed into .venv; nothing else on the machine is changed,
# except that `make test` installs Chromium where there is none.

PYTHON ?= python3
VENV ?= .venv
# Where to take torch from, for example TORCH_INDEX=https://download.pytorch.org/whl/cpu (small, no CUDA).
TORCH_INDEX ?=
# Options of build.py for `make site`, for example SITE_ARGS="--out somewhere".
SITE_ARGS ?=
# Options of pytest for `make test`, for example PYTEST_ARGS="tests/test_repo.py -x".
PYTEST_ARGS ?=

# Tests that need neither torch nor a browser; libraries at their lowest versions may warn of others at their newest.
LOWEST_TESTS := tests/test_contract.py tests/test_checks.py tests/test_atomic.py tests/test_partial.py

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
TORCH := $(shell sed -n '/^torch==/p' constraints.txt)

.DEFAULT_GOAL := help
.PHONY: help site serve test test-lowest coverage fuzz outlines looks lint readme docs screenshots bench audit clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

site: $(VENV)/.site ## build the site into public/ (no torch needed)
	$(BIN)/python build.py $(SITE_ARGS)
	@echo "To view it: make serve, then open http://127.0.0.1:8000/"

serve: $(VENV)/.site ## build the site and serve it on this machine
	$(BIN)/python build.py --serve $(SITE_ARGS)

test: $(VENV)/.test $(VENV)/.chromium ## install all that the tests need, Chromium included, and run them
	$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

test-lowest: $(VENV)-lowest/.site ## build the site and test its contract with the lowest versions that pyproject.toml allows
	$(VENV)-lowest/bin/python build.py --check --no-cache
	$(VENV)-lowest/bin/python -m pytest -W default $(LOWEST_TESTS)

coverage: export COVERAGE_FILE = $(CURDIR)/.coverage# whichever folder a process is in when it ends
coverage: $(VENV)/.test $(VENV)/.chromium ## run all tests, list the lines that none runs, and fail below the floors
	rm -f .coverage .coverage.*
	$(BIN)/python -m coverage run -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)
	$(BIN)/python -m coverage combine -q
	$(BIN)/python benchmarks/line_coverage.py

fuzz: $(VENV)/.test ## read damaged files for ten minutes; a second call goes on (counts in fuzz.json)
	$(BIN)/python -m tests.fuzz --minutes 10 --state fuzz.json

outlines: $(VENV)/.test ## write the outlines of all pages again after a change that is meant (tests/__snapshots__)
	$(BIN)/python -m pytest tests/test_looks.py -q -k outline --snapshot-update

looks: $(VENV)/.test $(VENV)/.chromium ## take the pictures of all pages again that tests compare with (tests/looks)
	SPECVIT_LOOKS=write $(BIN)/python -m pytest tests/test_looks.py -q -k picture

lint: $(VENV)/.lint ## ruff, mypy, credentials in files, known vulnerabilities of packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tests/secrets_scan.py
	$(BIN)/python tests/advisories.py

readme: $(VENV)/.site ## write the tables of README.md and of the cards again from results/
	$(BIN)/python docs/readme_tables.py --write

docs: $(VENV)/.test readme ## write all pages of docs/ again that are made from code and results
	$(BIN)/python docs/reference.py --write
	$(BIN)/python -m site_builder docs
	$(BIN)/python -m site_builder schema

screenshots: $(VENV)/.test $(VENV)/.chromium ## take the pictures of README.md again from the site as it is
	$(BIN)/python docs/screenshots.py

bench: $(VENV)/.bench $(VENV)/.chromium ## measure building, simulation, training, inference, posteriors and repainting (minutes)
	$(BIN)/python benchmarks/report.py

audit/node_modules: audit/package-lock.json
	npm --prefix audit ci --no-fund --no-audit
	@touch $@

audit: $(VENV)/.test $(VENV)/.chromium audit/node_modules ## measure every page with Lighthouse and axe against the budgets (half an hour, a second call goes on; needs node)
	$(BIN)/python -m audit --state audit.jsonl --write docs/audit.md

clean: ## remove the environment and the built site
	rm -rf $(VENV) $(VENV)-lowest public *.egg-info

# Stamps: each step is made again when the requirements change.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "SpecViT needs Python 3.11 or newer, but $(PYTHON) is $$($(PYTHON) --version 2>&1);" \
	       "name a newer one, for example: make $(or $(MAKECMDGOALS),site) PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "$(PYTHON) has no ensurepip; taking pip from $(PYTHON) instead."; \
	  $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install pip; } || { \
	  echo "No virtual environment could be made; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	@touch $@

$(VENV)/.site: pyproject.toml constraints.txt | $(VENV)/.python
	@echo "Installing the packages that build the site (constraints.txt) into $(VENV)."
	@$(PIP) install -qq -c constraints.txt -e .
	@touch $@

$(VENV)-lowest/.site: pyproject.toml constraints.txt tests/lowest.py
	@$(PYTHON) -m venv $(VENV)-lowest
	@$(PYTHON) tests/lowest.py > $(VENV)-lowest/constraints.txt
	@echo "Installing the lowest versions that pyproject.toml allows into $(VENV)-lowest."
	@$(VENV)-lowest/bin/python -m pip --disable-pip-version-check install -qq -r $(VENV)-lowest/constraints.txt
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/.python
	@echo "Installing the packages of the model and the tests (constraints.txt) into $(VENV); on Linux without" \
	  "TORCH_INDEX this may take the CUDA build of torch, several GB (see README.md)."
	@$(if $(TORCH_INDEX),$(PIP) install -qq --no-deps --index-url $(TORCH_INDEX) $(TORCH))
	@$(PIP) install -qq -c constraints.txt -e '.[model,test]'
	@touch $@ $(VENV)/.site

$(VENV)/.lint: $(VENV)/.test
	@echo "Installing what looks for credentials and for known vulnerabilities (detect-secrets, pip-audit)."
	@$(PIP) install -qq -c constraints.txt -e '.[lint]'
	@touch $@

$(VENV)/.bench: $(VENV)/.test
	@echo "Installing what SpecViT's speed is compared with (transformers)."
	@$(PIP) install -qq -c constraints.txt -e '.[bench]'
	@touch $@

# The system's Chromium; else Debian's package; else the one that playwright downloads (with the libraries it needs,
# where they may be installed).
FIND_CHROMIUM := command -v chromium || command -v chromium-browser || command -v google-chrome
$(VENV)/.chromium: | $(VENV)/.test
	@if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO="sudo -n"; fi; \
	$(FIND_CHROMIUM) || \
	if command -v apt-get >/dev/null && $$SUDO true 2>/dev/null; then \
	  echo "Installing Chromium with apt-get."; \
	  { $$SUDO apt-get update -qq && $$SUDO apt-get install -qq -y --no-install-recommends chromium; } || \
	  { echo "There is no such package; taking the one of playwright."; \
	    $(BIN)/python -m playwright install --with-deps chromium; }; \
	else \
	  echo "Installing the Chromium of playwright."; \
	  $(BIN)/python -m playwright install chromium; \
	fi
	@touch $@
