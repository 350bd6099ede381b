# make demo    the whole workflow on a small synthetic corpus: audio to EER in minutes
# make test    the tests
# make test-cluster    real SGE and Slurm on this host, faults included; needs root and Debian's packages
# make bench   times of the built-in commands, beside a real Kaldi's with KALDI_ROOT set; 15 minutes
# All need bash, make and Python >= 3.11; everything else goes to .venv.
SHELL := /bin/bash
PYTHON ?= python3
ACTIVATE := . ./path.sh

.PHONY: demo test test-cluster lint bench clean

demo: .venv/ready
	@$(ACTIVATE) && snakemake --directory egs/mini all
	@echo && cat egs/mini/results/mini_eer.txt && echo "results: $(CURDIR)/egs/mini/results"

test: .venv/ready
	@$(ACTIVATE) && python -m pytest

test-cluster: .venv/ready
	@tests/real_clusters/packages.sh
	@$(ACTIVATE) && tests/real_clusters/run.sh

lint: .venv/ready
	@$(ACTIVATE) && ruff check . && ruff format --check . && snakefmt --check Snakefile workflow

bench: .venv/ready
	@.venv/bin/python -m benchmarks --out benchmarks/results.tsv

# The versions of all packages stand in pyproject.toml.
.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python >= 3.11 is needed, $(PYTHON) is $$($(PYTHON) --version). Say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check '.[demo,test]'
	.venv/bin/python -m compileall -q steps_py    # where Python may not do so itself, each start costs 20 ms more
	@touch $@

clean:
	rm -rf .venv
