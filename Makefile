# make demo    the whole workflow on a small synthetic corpus: audio to EER in minutes
# make test    all tests, with the slowest ones listed at the end; make test-quick without the slow ones
# make lint    style, formatting and the layers of the package
# make dry-runs    the plan of every recipe
# make test-cluster    real SGE and Slurm on this host, faults included; needs root and Debian's packages
# make bench   CPU time of the built-in commands, compared with a real Kaldi if KALDI_ROOT is set; 15 minutes
# All need bash, make and Python >= 3.11; everything else goes to .venv.
SHELL := /bin/bash
PYTHON ?= python3
ACTIVATE := . ./path.sh
EXTRAS ?= [demo,test,pretrained,search,serve,explain,export]
TEST_PROCESSES ?= 2
# the tests of a file run in one process and share its fixtures; tests/conftest.py sorts the files
PYTEST := python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder \
  --durations=25

.PHONY: demo test test-quick test-cluster lint dry-runs bench lock clean

demo: .venv/ready
	@$(ACTIVATE) && snakemake --directory egs/mini all
	@echo && cat egs/mini/results/mini_eer.txt && echo "results: $(CURDIR)/egs/mini/results"

test: .venv/ready
	@$(ACTIVATE) && time $(PYTEST)

test-quick: .venv/ready
	@$(ACTIVATE) && time $(PYTEST) -m "not slow"

test-cluster: .venv/ready
	@tests/real_clusters/packages.sh
	@$(ACTIVATE) && tests/real_clusters/run.sh

lint: .venv/ready
	@$(ACTIVATE) && ruff check . && ruff format --check . && snakefmt --check Snakefile workflow && lint-imports

dry-runs: .venv/ready
	@$(ACTIVATE) && for recipe in egs/*/; do \
	  echo "== $$recipe" && snakemake --directory $$recipe --dry-run --quiet rules -- plan || exit 1; done

bench: .venv/ready
	@.venv/bin/python -m benchmarks --out benchmarks/results.tsv

# Versions: pyproject.toml has those of the packages that are used, requirements.lock those of all.
.venv/ready: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python >= 3.11 is needed, $(PYTHON) is $$($(PYTHON) --version). Run: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint requirements.lock --editable '.$(EXTRAS)'
	.venv/bin/python -m compileall -q steps_py    # without write permission each start takes 20 ms more
	@touch $@

# Write requirements.lock again, from pyproject.toml alone; torch without the label of a build.
lock:
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[demo,test,pretrained,search,serve,parquet,explain,export,silero]'
	(sed -n '/^#/p' requirements.lock; build/lock/bin/python -m pip freeze --exclude-editable \
	  | sed 's/^\(torch==[^+]*\)+.*/\1/') > build/requirements.lock
	mv build/requirements.lock requirements.lock && rm -rf build/lock

clean:
	rm -rf .venv
