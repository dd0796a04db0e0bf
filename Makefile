# Every target builds .venv first, so that one command on a fresh machine is enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ASSETS ?= qc_plugin/samples
REPORTS ?= qc-reports
MALLOC := MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296

.PHONY: demo test scan check bench wheel docs test-gpu clean

$(VENV)/ok-run: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "qc-plugin needs Python 3.11 or newer: call make with PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

# torch only where a CPU build is at hand (CI) or when asked for: plain pip would fetch 3 GB of CUDA libraries.
$(VENV)/ok-test: $(VENV)/ok-run
ifneq (,$(filter true 1,$(CI) $(TRAIN)))
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[train,dev]"
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
endif
	@touch $@

demo: $(VENV)/ok-run
	$(BIN)/qc-plugin demo --reports $(REPORTS)

# 20, 21 and 22 mean that some assets could not be checked; their rows say why, and the scan itself is done.
scan: $(VENV)/ok-run
	$(BIN)/qc-plugin scan $(ASSETS) --reports $(REPORTS) || { code=$$?; case $$code in 20|21|22) echo "scan finished; some assets could not be checked (exit code $$code)";; *) exit $$code;; esac; }

check: $(VENV)/ok-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not gpu"

test-gpu: $(VENV)/ok-test
	QC_REQUIRE_GPU=1 $(BIN)/python -m pytest -m gpu

bench: $(VENV)/ok-test
	$(MALLOC) $(BIN)/python bench/segmenter.py
	$(MALLOC) $(BIN)/python bench/end_to_end.py

wheel: $(VENV)/ok-test
	$(BIN)/python -m build --outdir dist .

$(VENV)/ok-docs: $(VENV)/ok-run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	@touch $@

# The variable silences a banner about the next MkDocs, which the ranges in pyproject.toml keep out.
docs: $(VENV)/ok-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "The documentation: open $(CURDIR)/site/index.html, or for its search: $(BIN)/python -m http.server -d site"

clean:
	rm -rf $(VENV) dist build site .mypy_cache .ruff_cache .pytest_cache
