# `make demo` and `make test` are all the set-up there is; both create the environment first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test test-all lint bench clean

$(STAMP): pyproject.toml constraints.txt CMakeLists.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), f"videotx needs Python 3.11 or newer, this is {sys.version}"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -c constraints.txt torch
	$(BIN)/pip install --quiet -c constraints.txt "scikit-build-core>=1.0" "nanobind>=2.4" ninja cmake
	$(BIN)/pip install --quiet -c constraints.txt --no-build-isolation -e ".[dev]"
	touch $@

# The C++ part is rebuilt incrementally whenever a source of it changed.
NATIVE := $(wildcard extract/csrc/*.* extract/csrc/*/*.* pipeline/csrc/*.* datasets/csrc/*.* models/csrc/*.*)
$(VENV)/.built: $(STAMP) $(NATIVE)
	$(BIN)/pip install --quiet --no-build-isolation --no-deps -e .
	touch $@

# Clips whose motion is known, through the whole pipeline, and back out of the shards.
demo: $(VENV)/.built
	rm -rf demo
	$(BIN)/videotx demo-data --out demo/videos
	$(BIN)/videotx extract --src demo/videos --out demo/shards.zarr
	$(BIN)/videotx info demo/shards.zarr
	$(BIN)/videotx verify demo/shards.zarr
	$(BIN)/python examples/measure_motion.py demo/videos demo/shards.zarr demo/motion.png
	$(BIN)/python examples/train.py --shards demo/shards.zarr --out demo/run --model dvt_tiny --model-settings dim=32 depth=2 \
		--size 64 --stride 2 --flip 0 --val-share 0.25 --steps 12 --batch-size 4 --workers 0 --threads 1 --no-progress
	$(BIN)/python examples/inspect_shard.py demo/shards.zarr demo/clip.png --from-run demo/run

test: $(VENV)/.built
	$(BIN)/python -m pytest

test-all: $(VENV)/.built
	$(BIN)/python -m pytest -m ""

bench: $(VENV)/.built
	$(BIN)/python benchmarks/extract.py

# mypy does not follow the import hook of an editable install, so it is shown the package as the wheel lays it out.
lint: $(VENV)/.built
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/typed && mkdir -p build/typed/videotx
	ln -s $(addprefix $(CURDIR)/,__init__.py py.typed cli.py cli_demo.py extract pipeline datasets models) build/typed/videotx/
	MYPYPATH=build/typed $(BIN)/mypy -p videotx
	cd examples && MYPYPATH=../build/typed $(abspath $(BIN))/mypy --config-file ../pyproject.toml --explicit-package-bases --exclude measure_motion.py .

clean:
	rm -rf $(VENV) build dist demo
