# `make demo` and `make test` are all that a fresh machine needs; both make the environment first.
PYTHON ?= python3
VENV ?= .venv
LABEL_VENV ?= .venv-label
BIN = $(VENV)/bin
DEMO = demo
DEMO_RUNS = $(DEMO)/source_only $(DEMO)/mani $(DEMO)/stain_average
DEMO_OPTIONS = --source toy_source --target toy_target --data $(DEMO)/data --budget quick --resume
DEMO_OPTIONS += --options "{'iterations': 200, 'warmup': 50}"

# Modules are compiled once, whatever the environment says: every process would spend eight seconds on it.
# The bytecode lies in the environment's folder, so that none comes into folders of bundles.
export PYTHONDONTWRITEBYTECODE =
export PYTHONPYCACHEPREFIX = $(abspath $(VENV))/bytecode

# Threads that wait leave the processor to other processes.
export OMP_WAIT_POLICY ?= passive

.PHONY: env demo test pytest test-slow test-label label-env lint pages docs screenshots benchmark clean

env: $(VENV)/installed

# Python compiles a module when it is first imported; pip would compile all of them first, which takes a minute.
$(VENV)/installed: requirements.txt pyproject.toml
	@echo "1/3 Making the environment $(VENV): seconds."
	@$(PYTHON) -m venv $(VENV)
	@echo "2/3 Installing the packages of requirements.txt: a minute or more, by the connection."
	@$(BIN)/python -m pip install --quiet --no-compile --requirement requirements.txt
	@echo "3/3 Installing mani-monai itself: seconds."
	@$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

# Nuclei of a real image by the weights that come along; then toy tissue: source-only, MaNi, and averaged weights on
# normalised stains, which are adapted without a label; last the scores on the target, and a picture.
demo: env
	$(BIN)/mani demo --out $(DEMO)
	$(BIN)/mani train $(DEMO_OPTIONS) --method source_only --out $(DEMO)/source_only
	$(BIN)/mani train $(DEMO_OPTIONS) --method mani --out $(DEMO)/mani
	$(BIN)/mani train $(DEMO_OPTIONS) --method stain_average --out $(DEMO)/stain_average
	$(BIN)/mani adapt --model $(DEMO)/stain_average --target $(DEMO)/data/toy_target/images --method statistics --out $(DEMO)/adapted
	$(BIN)/python -m studies compare $(DEMO_RUNS) --images $(DEMO)/data/toy_target --rows 2 --edge 128 --zoom 2 --out $(DEMO)/comparison.png

# A worker a core, each with one thread and whole test files, so that what a file trains once is trained once.
# Warm processes, in tests/support/warm_python.py, spare the tests of commands an import of MONAI each.
# Style and types, which use one core, are checked at the same time.
test: env
	$(MAKE) --jobs=2 lint pytest

pytest: env
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" --numprocesses auto --maxprocesses 8 --dist loadfile

# Several processes, killed processes, fresh environments: what is too slow for every change.
test-slow: env
	$(BIN)/python -m pytest -m slow

# A real MONAI Label server. Its packages exclude this project's own versions, so that it has an environment of its own.
test-label: label-env
	$(LABEL_VENV)/bin/python -m pytest tests/apps/label tests/label_server

label-env: $(LABEL_VENV)/installed

$(LABEL_VENV)/installed: requirements-label.txt pyproject.toml
	@echo "1/3 Making the environment $(LABEL_VENV): seconds."
	@$(PYTHON) -m venv $(LABEL_VENV)
	@echo "2/3 Installing the packages of requirements-label.txt: a minute or more, by the connection."
	@$(LABEL_VENV)/bin/python -m pip install --quiet --no-compile --requirement requirements-label.txt
	@echo "3/3 Installing mani-monai itself: seconds."
	@$(LABEL_VENV)/bin/python -m pip install --quiet --no-deps --editable .
	touch $@

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/pyright --pythonpath $(BIN)/python

# Every page of the studies anew from their results; the text around the tables stays.
pages: env
	$(BIN)/python -m studies pages

# The pages as a site in site/, with a reference of the Python pieces; a dead link ends it.
docs: env
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# The pages' pictures anew in docs/images/; a browser, Chromium, shows the report.
screenshots: env
	$(BIN)/python docs/site/screenshots.py

benchmark: env
	$(BIN)/python benchmarks/iteration_cost.py
	$(BIN)/python benchmarks/data_wait.py
	$(BIN)/python benchmarks/instance_metrics.py
	$(BIN)/python benchmarks/hover_targets.py
	$(BIN)/python benchmarks/median_smooth.py
	$(BIN)/python benchmarks/post_processing.py
	$(BIN)/python benchmarks/parting.py
	$(BIN)/python benchmarks/nuclei_speed.py
	$(BIN)/python benchmarks/inference_speed.py unet
	$(BIN)/python benchmarks/inference_speed.py hovernet

clean:
	rm -rf $(DEMO) build site *.egg-info
