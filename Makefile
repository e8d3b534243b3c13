# make run    the main job: Air-FedGA against its baselines on real data
# make test   lint, types, layers, tests
# make docs   the documentation as a site, in docs/_build/html
# All set up the environment by themselves, and are quick the second time. `make reference` writes the page of all
# settings anew from their schemas.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT := runs/air-fedga

.PHONY: run test fast lint docs reference clean

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $(READY)

run: $(READY)
	$(BIN)/testbed compare air-fedga --vary algorithm.kind=air-fedga,air-fedavg,fedavg --seeds 0-2 \
		--target 'accuracy>=0.8' --out $(OUT) --png $(OUT)/curves.png
	$(BIN)/testbed timeline $(OUT)/air-fedga-seed-0 --png $(OUT)/timeline.png

test: lint
	$(BIN)/python -m pytest -n auto

fast: lint
	$(BIN)/python -m pytest -n auto -m "not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/_build/html

reference: $(READY)
	$(BIN)/testbed list --markdown > docs/reference/.settings.md
	mv docs/reference/.settings.md docs/reference/settings.md

clean:
	rm -rf docs/_build $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
