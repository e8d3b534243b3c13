# make run    the main job: Air-FedGA against its baselines on real data
# make test   lint, types, layers, tests
# make docs   the documentation as a site, in docs/_build/html
# make bench        how fast the parts are: event core, kernels, flows, rounds
# make bench-peers  how fast a round is, beside a loop by hand and beside other simulators, each in an environment of its own
# All set up the environment by themselves, and are quick the second time. `make reference` writes the page of all
# settings anew from their schemas.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT := runs/air-fedga

PEERS := .peers

.PHONY: run test fast lint docs reference bench bench-peers clean

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

$(VENV)/.bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	touch $(VENV)/.bench

bench: $(VENV)/.bench
	$(BIN)/python -m pytest tests/benchmarks/bench_*.py -p no:xdist --benchmark-columns=min,median,iqr,rounds

$(PEERS)/%/.ready: tests/benchmarks/peers/%.txt
	$(PYTHON) -m venv $(PEERS)/$*
	$(PEERS)/$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

bench-peers: $(READY) $(PEERS)/pfl/.ready $(PEERS)/flower/.ready
	$(BIN)/python tests/benchmarks/compare.py --peers $(PEERS) --out $(PEERS)/comparison.json

clean:
	rm -rf docs/_build $(PEERS) $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
