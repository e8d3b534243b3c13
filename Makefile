# make run    the main job: Air-FedGA against its baselines on real data
# make test   lint, types, layers, tests
# Both set up the environment by themselves, and are quick the second time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT := runs/air-fedga

.PHONY: run test fast lint clean

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

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
