# media preflight. `make run` and `make test` work on a fresh Debian or Ubuntu with Python 3.11+ and make.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
STAMP := .venv/.setup-stamp
TOOLS := .tools
OUT ?= out
SAMPLES := samples/out

# `make check IN=... PRESET=...` and `make prepare IN=... PRESET=... OUT=...`
IN ?=
PRESET ?=

# The suite starts Python thousands of times: what was compiled once is kept, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup lock audit sbom release image root compat newest fresh run test thorough lint bench crosscheck fuzz attack mutants samples coverage schema check prepare clean

help: ## show the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

setup: $(STAMP) ## virtual environment, Python packages, LibreOffice and fonts where allowed

$(STAMP): pyproject.toml .ci/lock.txt .ci/system
	@sh .ci/system $(PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) --no-compile --no-deps --require-hashes -r .ci/lock.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $(STAMP)

lock: setup ## renew the locks: newest versions within the bounds of pyproject.toml, with hashes
	@$(PIP) uv
	@sh .ci/lock $(BIN)/uv

# Programs that look at what we are made of, from a lock of their own and in a place of their own.
$(TOOLS)/.stamp: .ci/tools.lock
	@test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .ci/tools.lock
	@touch $@

audit: $(TOOLS)/.stamp ## known weaknesses of what the lock installs; exit code 3 where the service is not reached
	@$(TOOLS)/bin/python .ci/audit.py $(TOOLS)/bin/pip-audit

sbom: setup $(TOOLS)/.stamp ## what a release is made of, as CycloneDX, in dist/
	@$(BIN)/python .ci/sbom.py $(TOOLS)/bin/python dist

release: setup sbom ## wheel, sdist and SBOM in dist/
	@$(BIN)/python -m build --no-isolation --outdir dist .

dist/image/lock.txt: setup
	@rm -rf dist/wheel && $(BIN)/python -m build --no-isolation --wheel --outdir dist/wheel . >/dev/null
	@$(BIN)/python .ci/image.py dist/wheel/*.whl

image: dist/image/lock.txt ## a container image with everything, where Docker is
	@docker build --pull -f deploy/Dockerfile -t media-preflight:$$($(BIN)/python -c 'import pipeline; print(pipeline.__version__)') dist/image

root: dist/image/lock.txt ## the steps of the image in a bare Debian root, where Docker is not; needs root and mmdebstrap
	@$(BIN)/python .ci/root.py

compat: setup ## the suite on every Python found, with the oldest and the newest versions allowed
	@$(PIP) uv
	@$(BIN)/python .ci/compat.py

newest: setup ## on the newest Python found, with the newest versions allowed: the tour and the canaries
	@$(PIP) uv
	@$(BIN)/python .ci/compat.py --newest

fresh: ## README's two commands in bare Debian roots, as root and as a user without sudo
	@sh .ci/fresh

fuzz: setup ## 20,000 damaged media files and 20,000 damaged documents through all that reads them
	@$(BIN)/python -m tests.fuzz --count $(or $(COUNT),20000) --seed $(or $(SEED),1) $(if $(KIND),--kind $(KIND))

attack: setup ## everything that docs/security.md promises, attacked: as who runs it and as an ordinary user
	@$(BIN)/python -m tests.attack

mutants: setup ## small changes to what judges, proves, publishes and sends: do the tests notice?
	@$(PIP) --no-deps --require-hashes -r .ci/mutants.txt
	@$(BIN)/python -m tests.mutants --count $(or $(COUNT),12) --seed $(or $(SEED),1) --only "$(ONLY)"

samples: setup ## make the sample media in samples/out
	@$(BIN)/python -m samples --out $(SAMPLES)

run: setup ## prepare all samples and print the result
	@$(BIN)/python -m samples.tour --samples $(SAMPLES) --out $(OUT)/samples

test: setup ## the test suite
	@$(BIN)/python -m pytest -n 3 --dist worksteal

thorough: setup ## what the suite tries a part of, in whole, and the comparing of faces
	@$(PIP) -e ".[identity]"
	@$(BIN)/python -m pytest -n 3 --dist worksteal -m thorough
	@$(BIN)/python -m pytest tests/probe/test_identity.py

lint: setup ## formatting, linting, who may import whom, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache --no-logo
	@$(BIN)/mypy

bench: setup ## speed against peers, in one run
	@$(PIP) --no-deps -r benchmarks/requirements.txt
	@$(BIN)/python -m benchmarks

crosscheck: setup ## what other programs read of the files in CORPUS=folder, where we read something else
	@CORPUS="$(CORPUS)" $(BIN)/python -m benchmarks crosscheck

coverage: setup ## write docs/rules-coverage.md from the presets
	@$(BIN)/python -m pipeline.rules.coverage > docs/rules-coverage.md

schema: setup ## write docs/schema from the types of the documents
	@$(BIN)/python -m pipeline.documents.schema docs/schema

check: setup ## check IN=path PRESET=id
	@$(BIN)/preflight check -p "$(PRESET)" -- "$(IN)"

prepare: setup ## prepare IN=path PRESET=id OUT=dir
	@$(BIN)/preflight prepare -p "$(PRESET)" -o "$(OUT)" -- "$(IN)"

clean: ## remove everything that was made
	rm -rf .venv .tools .compat build dist $(SAMPLES) out .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
