# The whole developer interface. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

UV := $(shell command -v uv || echo .local/uv/bin/uv)
# What one version writes another may write in other words, so what is generated is of this one.
LOCKED_UV := .venv/bin/uv
PYTHON := .venv/bin/python
ENVIRONMENT := .venv/.spyglass
DEVELOPMENT := .venv/.spyglass-dev

# Without it a sync would replace the version of urllib3 that ZenML's integration insists on.
KEPT = $(if $(wildcard .venv/lib/python*/site-packages/kfp),--extra gcp)

# Byte code once at installation instead of at every start; several GB of CUDA take their time.
export UV_COMPILE_BYTECODE := 1
export UV_HTTP_TIMEOUT ?= 300

# The project that `make label-studio` and `make fiftyone` open: PROJECT=cells make fiftyone.
ifdef PROJECT
export SPYGLASS_PROJECT := $(PROJECT)
endif

.PHONY: help demo test test-slow test-all lint format bench docs screenshots dashboard label-studio mlflow fiftyone service stop clean lock-datumaro lock-label-studio lock-service

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(ENVIRONMENT) ## Run the whole loop on synthetic harbours (five to fifteen minutes after the first set-up)
	@$(PYTHON) -m commands.demo

# Processes, each with servers of its own and up to 4 GB.
TEST_PROCESSES ?= 2

# A file is run by one process, in its order; the longest files come first (testpaths).
PYTEST = $(PYTHON) -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder --durations=20

test: $(DEVELOPMENT) ## Run the tests: unit, integration with real servers, one loop (13 minutes)
	@$(PYTEST) -m "not slow"

test-slow: $(DEVELOPMENT) ## Run the long tests: clusters, clouds, kills, twice round (half an hour)
	@$(PYTEST) -m slow

test-all: test test-slow ## Run all tests

lint: $(DEVELOPMENT) ## Check style, types, architecture, and that what is generated is up to date
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --verbose | tail -n 9
	@.venv/bin/hadolint Dockerfile utils/serving/bento/Dockerfile
	@$(LOCKED_UV) lock --check -q
	@$(PYTHON) .ci/requirements.py --check
	@$(PYTHON) -m docs.configuration --check
	@$(PYTHON) -m docs.prose
	@$(PYTHON) -m docs.site

format: $(DEVELOPMENT) ## Format the code and write again what is generated
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .
	@$(PYTHON) .ci/requirements.py
	@$(PYTHON) -m docs.configuration

lock-label-studio: $(DEVELOPMENT) ## Resolve Label Studio's own environment anew, with hashes
	@$(PYTHON) -c 'from utils.annotation.label_studio.installation import VERSION; print(f"label-studio=={VERSION}")' \
		| $(LOCKED_UV) pip compile -q - --directory / --universal --python-version 3.11 --generate-hashes \
		--upgrade --no-annotate --custom-compile-command "make lock-label-studio" \
		-o $(CURDIR)/utils/annotation/label_studio/requirements.txt

lock-datumaro: $(DEVELOPMENT) ## Resolve Datumaro's own environment anew, with hashes
	@echo datumaro | $(LOCKED_UV) pip compile -q - --directory / --universal --python-version 3.11 --generate-hashes \
		--upgrade --no-annotate --custom-compile-command "make lock-datumaro" \
		-o $(CURDIR)/utils/scenes/datumaro_requirements.txt

# The service decodes and computes with the very packages of the pipelines, for the same results.
lock-service: $(DEVELOPMENT) ## Resolve the environment of the service anew, with hashes
	@grep -E '^(contourpy|numpy|onnxruntime|pillow|pydantic|pyvips|pyvips-binary|rasterio|shapely)==' requirements.txt | sed 's/ *\\$$//' \
		| $(LOCKED_UV) pip compile -q $(CURDIR)/utils/serving/requirements.in -c - --directory / --universal --python-version 3.11 --generate-hashes \
		--upgrade --no-annotate --custom-compile-command "make lock-service" \
		-o $(CURDIR)/utils/serving/requirements.txt

bench: $(DEVELOPMENT) ## Measure against the alternatives and print ratios
	@status=0; for part in tiling codecs label_studio transfers merging oriented intervals inference feedback counting training retraining contention serving monitoring fuzzing mutation; do $(PYTHON) -m benchmarks.$$part || status=1; done; exit $$status

docs: $(DEVELOPMENT) ## Build the documentation as a site with search (.local/site)
	@$(PYTHON) -m docs.site
	@echo "Open .local/site/index.html"

screenshots: $(DEVELOPMENT) ## Take the pictures of the README from the demo's real run
	@$(PYTHON) -m docs.screenshots

dashboard: $(ENVIRONMENT) ## Open the ZenML dashboard on the store of the last run
	@$(PYTHON) -m commands.servers dashboard

label-studio: $(ENVIRONMENT) ## Start the embedded Label Studio (PROJECT=NAME opens a project)
	@$(PYTHON) -m commands.servers label-studio

fiftyone: $(ENVIRONMENT) ## Open the FiftyOne App (PROJECT=NAME opens its dataset)
	@$(PYTHON) -m commands.servers fiftyone

service: $(ENVIRONMENT) ## Serve the demo's detector over HTTP (PROJECT=NAME serves its own)
	@$(PYTHON) -m commands.demo service

mlflow: $(ENVIRONMENT) ## Open the MLflow page on the embedded store
	@$(PYTHON) -m commands.servers mlflow

stop: ## Stop every server that Spyglass started
	@test ! -x $(PYTHON) || $(PYTHON) -m commands.servers stop

clean: ## Stop the servers, and remove all local state (.local) and the environment (.venv)
	-@test ! -x $(PYTHON) || $(PYTHON) -m commands.servers stop
	rm -rf .local .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

.local/uv/bin/uv:
	@mkdir -p -m 700 .local
	python3 -m venv .local/uv
	.local/uv/bin/pip install -q uv

# Packages of earlier environments that own the same folders as those that replace them.
REPLACED := ultralytics opencv-python

$(ENVIRONMENT): pyproject.toml uv.lock | $(UV)
	@test ! -x $(PYTHON) || $(UV) pip uninstall -q --python $(PYTHON) $(REPLACED)
	$(UV) sync --frozen --inexact $(KEPT)
	@$(PYTHON) -m commands.servers.mongod || $(UV) sync --frozen --inexact --extra mongod $(KEPT)
	@touch $@

$(DEVELOPMENT): $(ENVIRONMENT)
	$(UV) sync --frozen --inexact --extra dev --extra gcp --extra wandb
	@touch $@
