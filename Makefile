# Every target works on a fresh clone: the virtual environment is made first where it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: quickstart test test-slow check lint ui server study results plans bench bench-forecast nightly-install gc clean

quickstart: $(READY)
	$(BIN)/python src/pretrain.py model=tiny_llama3
	$(BIN)/python src/train.py -m experiment=quickstart
	$(BIN)/python src/analyze.py study=quickstart
	@echo
	@echo "Next: make ui                                                    compare the runs in MLflow"
	@echo "      $(BIN)/python src/train.py -m experiment=quickstart seed=1       one more seed, in minutes"
	@echo "      $(BIN)/python src/train.py -m model=llama3_8b benchmark=gsm8k n_examples=10,100,1000   (on a GPU)"

test: lint
	$(BIN)/python -m pytest -n 2 -m "not slow" --durations=25

# Sweeps that are killed, servers that die: minutes more, which .ci/run takes as well.
test-slow: $(READY)
	$(BIN)/python -m pytest -n 2 -m slow --durations=25

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

# A tracking server with accounts, on loopback (docs/server.md). STORE=postgresql://… and ARTIFACTS=s3://… in place of files.
server: $(READY)
	@: "$${MLFLOW_AUTH_ADMIN_PASSWORD:?set it to the password of the account admin (12 characters or more)}"
	@: "$${MLFLOW_FLASK_SERVER_SECRET_KEY:?set it to a long random text, the same at every start}"
	mkdir -p mlruns/server
	MLFLOW_AUTH_CONFIG_PATH=deploy/basic_auth.ini $(BIN)/mlflow server --app-name basic-auth --host 127.0.0.1 --port 5000 \
	    --backend-store-uri $(or $(STORE),sqlite:///mlruns/server/mlflow.db) \
	    --artifacts-destination $(or $(ARTIFACTS),$(CURDIR)/mlruns/server/artifacts)

# torch comes first in the one pip call, under the pinned constraints, so that no other build of it is chosen.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch --editable '.[dev]'
	touch $(READY)

# The study of docs/results.md: some 600 points, days on two cores. Killed, it goes on where it was.
study: $(READY)
	$(BIN)/python src/train.py -m experiment=power_law
	$(BIN)/python src/train.py -m experiment=power_law_m
	$(BIN)/python src/train.py -m experiment=power_law_l
	$(BIN)/python src/publish.py study=power_law to=docs/data/power_law

# Its tables and pictures again, from the points that are kept in docs/data: minutes, nothing is trained.
results: $(READY)
	$(BIN)/python src/analyze.py source=files source.path=docs/data/power_law study=power_law
	cp multirun/analysis/power_law/results.md docs/data/power_law/tables.md
	cp multirun/analysis/power_law/laws/*-accuracy.png multirun/analysis/power_law/laws/*-errors.png \
	   multirun/analysis/power_law/laws/*-training.png docs/pictures/power_law/

# The tables of docs/plan.md: what fits on how many GPUs.
HUB_MODELS := llama2_7b,mistral_7b,llama3_8b,llama2_13b,llama2_70b,llama3_70b
PLAN := src/train.py -m plan=true model=$(HUB_MODELS) trainer.devices=1,4,8 benchmark=gsm8k n_examples=1000
plans: $(READY)
	$(BIN)/python $(PLAN) method=full,lora trainer=fsdp
	$(BIN)/python $(PLAN) method=qlora trainer=ddp

bench: $(READY)
	$(BIN)/python bench/training_step.py
	$(BIN)/python bench/generation.py
	$(BIN)/python bench/analysis.py
	$(BIN)/python bench/forecast.py
	$(BIN)/python bench/joint.py

# The tables of docs/laws.md.
bench-forecast: $(READY)
	$(BIN)/python bench/noise.py --curves=400
	$(BIN)/python bench/forecast.py
	$(BIN)/python bench/tournament.py
	$(BIN)/python bench/answers.py

# HOW=cron or HOW=workflow instead of a systemd user timer; AT is local time.
nightly-install: $(READY)
	$(BIN)/python src/install_nightly.py how=$(or $(HOW),systemd) at=$(or $(AT),02:30)

# First what would go; make gc REMOVE=true takes it away.
gc: $(READY)
	$(BIN)/python src/prune.py remove=$(or $(REMOVE),false)

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
