# The commands people type. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo test test-long lint clean

help:  ## list these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */|/' | column -t -s '|'

setup: .venv/ready  ## create .venv and install medrag (without CUDA if there is no GPU)

.venv/ready: pyproject.toml constraints.txt scripts/setup.sh
	bash scripts/setup.sh "$(PYTHON)"
	@touch $@

demo: setup  ## every stage on samples/: index, dataset, QLoRA dry run, evaluation, answers
	@$(BIN)/python scripts/demo.py

# Two processes share the suite, file by file: many tests use one core, or wait.
# The backends are apart: they bring thread pools of their own, and users run one at a time.
test: setup  ## the test suite
	$(BIN)/python -m pytest -m "not long and not gpu" --backend onnxruntime \
	    --numprocesses 2 --dist loadfile --no-loadscope-reorder
	files=$$(grep -rl --include='test_*.py' 'mark\.backends' tests) && for backend in openvino torch; do \
	    $(BIN)/python -m pytest -m "backends and not long and not gpu" --backend $$backend $$files || exit; \
	done

test-long: setup  ## all tests, including long ones and those that need a GPU
	$(BIN)/python -m pytest

lint: setup  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy medrag

clean:  ## empty outputs/; .venv stays
	find outputs -mindepth 1 ! -name .gitkeep -delete
