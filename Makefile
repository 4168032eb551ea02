# The two commands a newcomer needs: `make run` and `make test`. Both build their own virtual environment.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
# Many tests wait for sockets and servers; three workers keep the two cores of a small machine busy meanwhile.
WORKERS ?= 3

# Compiled modules are kept, also where the surroundings ask not to: every server and every test process needs them again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test lint unit browser slow docs bench load samples scenarios null lab-table screenshots sbom audit clean chromium heat

run: $(VENV)/.run
	$(BIN)/streamlit run server.py --server.port $(PORT)

# Types are checked beside the unit tests, which leave room; the browser wants the machine for itself.
test: $(VENV)/.dev chromium
	@$(MAKE) --no-print-directory -j2 lint unit
	@$(MAKE) --no-print-directory browser

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A file a worker, so that what its tests share is made once; long files of few tests must not come last.
# A worker that dies ends the run: xdist would wait for its files without end.
unit: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not browser and not slow" -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 -q

browser: $(VENV)/.dev chromium
	$(BIN)/python -m pytest -m "browser and not slow" -q

# Long walks through whole pages and whole folders of odd files, which would take `make test` past a quarter of an hour on two cores.
slow: $(VENV)/.dev $(VENV)/.docs chromium
	$(BIN)/python -m pytest -m slow --timeout 1800 -q

# The documentation as a site in build/site; a warning is an error.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

bench: $(VENV)/.dev chromium
	$(BIN)/python -m pytest benchmarks -q -s --benchmark-disable-gc --timeout 1800

# Thirty visitors who click for three minutes, beside a page of Streamlit alone.
load: $(VENV)/.dev
	$(BIN)/python -m benchmarks.load

# What the app is made of (CycloneDX), how old its pins are, and what is known against them.
sbom: $(VENV)/.dev
	$(BIN)/uv venv --quiet --clear build/sbom && $(BIN)/uv pip install --quiet --python build/sbom -r requirements-server.txt
	$(BIN)/uv tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py environment build/sbom --output-file build/sbom.json

audit: $(VENV)/.dev
	$(BIN)/python -m tools.pins age
	$(BIN)/python -m tools.pins audit

samples: $(VENV)/.dev
	$(BIN)/python tools/make_samples.py

scenarios: $(VENV)/.dev
	$(BIN)/python tools/make_scenarios.py

# The map's code, for whoever changes frontend/heat; the app itself needs no node.
heat:
	cd frontend/heat && npm ci && npm test && npm run build

# How often our words are said on noise, and how the model agrees with records; into docs/honesty.md and the Lab.
null: $(VENV)/.dev
	$(BIN)/python -m tools.lab_table words

lab-table: $(VENV)/.dev
	$(BIN)/python -m tools.lab_table worlds placebos recorded positions

screenshots: $(VENV)/.dev chromium
	$(BIN)/python tools/screenshots.py

# A browser for the tests: the system's own where there is one, Debian's package when root, else Playwright's.
chromium: $(VENV)/.dev
	@if command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; \
	else $(BIN)/playwright install chromium; fi

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Heatlab needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.11.") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

# uv installs in a fraction of pip's time; where it cannot, pip does it.
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile uv && $(BIN)/uv pip install --quiet --python $(BIN)/python -r $(1) \
	|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -r $(1)

$(VENV)/.run: $(VENV)/bin/python requirements.txt
	$(call install,requirements.txt)
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python requirements.txt requirements-dev.txt
	$(call install,requirements-dev.txt)
	@touch $@ $(VENV)/.run

$(VENV)/.docs: $(VENV)/bin/python requirements.txt requirements-docs.txt
	$(call install,requirements-docs.txt)
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
