# Two commands matter: `make demo` and `make test`. Both make .venv by themselves.

FAULT ?=
# Calls mostly wait: several at once, and not so many that the machine itself becomes a fault.
AT_ONCE := --numprocesses 3 --dist worksteal
ICE := $(addprefix tests/real/test_,udp_networks.py mtu.py turn_probe.py)
PLAYED := tests/live/test_table.py $(addprefix tests/real/test_,ice_networks.py reaching_networks.py)
BIN := .venv/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	&& { echo $$p; break; }; done)

.PHONY: help demo lab test coverage ready lint types matrix soak bench notebooks screenshots clean

help:
	@echo "make demo                    diagnose a sandbox call on this machine: report.html, report.json"
	@echo "make demo FAULT=udp-blocked  the same, broken on purpose (polyai-diag sandbox --help)"
	@echo "make lab                     open JupyterLab on the notebooks"
	@echo "make notebooks               run them all, and keep what they give"
	@echo "make screenshots             pictures of them, of the page and of a report: docs/pictures"
	@echo "make test                    lint, types and every test"
	@echo "make coverage                every test, and which lines of ours they reach"
	@echo "make matrix | soak | bench   what takes longer; exit 1 on a missed figure"

demo: .venv/.core
	$(BIN)/polyai-diag demo $(addprefix --fault ,$(FAULT)) --check --html report.html --json report.json

lab: .venv/.lab
	$(BIN)/polyai-diag lab

# Without --cov: it doubles the CPU time, and a machine that is busy fails limits in time.
test: ready lint
	$(BIN)/python -m pytest $(AT_ONCE)

coverage: ready
	$(BIN)/python -m pytest $(AT_ONCE) --cov --cov-report=term

ready: .venv/.test .venv/mitmproxy .venv/pystun3
	@tools/system-packages
	@$(MAKE) --no-print-directory .venv/axe

lint types: .venv/.test
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

matrix: .venv/.test .venv/mitmproxy
	@tools/system-packages
	$(BIN)/python -m pytest --numprocesses 4 --dist worksteal $(PLAYED) --whole --matrix docs/matrix.md

soak: .venv/.test
	$(BIN)/python -m tests.bench.soak
	$(BIN)/python -m tests.bench.soak_ice
	$(BIN)/python -m pytest $(AT_ONCE) tests/stress --whole
	for round in 1 2 3 4 5 6 7 8 9 10; do $(BIN)/python -m pytest -q $(AT_ONCE) $(ICE) || exit 1; done

bench: .venv/.test
	$(BIN)/python -m tests.bench

notebooks: .venv/.test
	$(BIN)/python -m tests.faces.renewal notebooks/*.ipynb

screenshots: .venv/.test
	@tools/system-packages
	$(BIN)/python -m tests.faces.screenshots

clean:
	rm -rf .venv report.html report.json

# An editable install: what is tested is what is here.
.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and was not found."; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.core: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --editable .
	@touch $@

.venv/.lab: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --editable '.[lab]'
	@touch $@ .venv/.core

.venv/.test: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --editable '.[lab,test]'
	@touch $@ .venv/.core .venv/.lab

# Apart: what mitmproxy pins is not what the project runs with.
.venv/mitmproxy: | .venv/bin/python
	$(BIN)/python -m venv $@
	$@/bin/pip install --quiet 'mitmproxy>=11,<13' || { rm -rf $@; exit 1; }

# Apart: it brings a package `tests` of its own.
.venv/pystun3: | .venv/bin/python
	$(BIN)/python -m venv $@
	$@/bin/pip install --quiet 'pystun3==2.0.*' || { rm -rf $@; exit 1; }

# Apart: JavaScript, which checks pages for who cannot see or point. Without npm its tests skip.
.venv/axe: | .venv/bin/python
	command -v npm >/dev/null || exit 0; \
	npm install --prefix $@ --no-save --silent axe-core@4 || { rm -rf $@; exit 1; }
