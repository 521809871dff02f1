# Every target works on a fresh clone: the virtual environment is made first where it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: quickstart test check lint ui results bench clean

quickstart: $(READY)
	$(BIN)/python src/pretrain.py model=tiny_llama3
	$(BIN)/python src/train.py -m experiment=quickstart
	$(BIN)/python src/analyze.py study=quickstart
	@echo
	@echo "Next: make ui                                                    compare the runs in MLflow"
	@echo "      $(BIN)/python src/train.py -m experiment=quickstart seed=2       one more seed; the rest is not run again"
	@echo "      $(BIN)/python src/train.py -m model=llama3_8b benchmark=gsm8k n_examples=10,100,1000   (on a GPU)"

test: lint
	$(BIN)/python -m pytest -n 2 --durations=25

# For every save: what is quick and breaks most often.
check: lint
	$(BIN)/python -m pytest -n 2 -m "not slow" tests/test_config.py tests/test_rooms.py tests/benchmarks tests/study tests/report tests/evaluation tests/scaling/test_noise.py tests/scaling/test_curve.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

ui: $(READY)
	$(BIN)/mlflow ui --app-name fathom --backend-store-uri sqlite:///$(CURDIR)/mlruns/mlflow.db --host 127.0.0.1 --port 5000

# torch comes first in the one pip call, under the pinned constraints, so that no other build of it is chosen.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch --editable '.[dev]'
	touch $(READY)

# docs/results.md. About an hour on two cores; with the default recipe=converged instead of tiny many hours.
results: $(READY)
	$(BIN)/python src/train.py -m experiment=errors recipe=tiny
	$(BIN)/python src/analyze.py study=errors
	cp multirun/analysis/errors/results.md docs/results.md

bench: $(READY)
	$(BIN)/python bench/training_step.py
	$(BIN)/python bench/generation.py
	$(BIN)/python bench/analysis.py
	$(BIN)/python bench/forecast.py
	$(BIN)/python bench/joint.py

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
