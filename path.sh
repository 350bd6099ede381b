# path.sh -- selects the commands of all rules. Source it in bash, from any folder, any number of
# times, also after a change of KALDI_ROOT.
#
#   KALDI_ROOT set    the binaries of that Kaldi build, and nothing else
#   KALDI_ROOT unset  the built-in commands of steps_py/kaldi/bin: same names, same
#                     options, same files (checked by tests/kaldi/test_reference.py)
#
# No rule names a backend: a rule calls compute-mfcc-feats, and this file selects which one.
#
#   . ./path.sh             for interactive use: commands have the exit status of Kaldi's
#   . ./path.sh --strict    for recipes: a built-in command that cannot process an item fails

export LC_ALL=C              # Kaldi tables are sorted by byte; another locale breaks them
export PYTHONUNBUFFERED=1    # the log of a killed job is complete
# Waiting threads sleep: on a shared machine, busy waiting made training four times slower.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY-PASSIVE}
if [ "${1:-}" = --strict ]; then
  export SIDEWINDER_STRICT=1
  # Rounding of sums depends on the number of threads. One thread, independent of --cores; training
  # and extraction of x-vectors have num_threads in the config.
  export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 GOTO_NUM_THREADS=1 MKL_NUM_THREADS=1
fi

# the colon-separated list $1 without the folders $2
steps_without() {
  local list=":$1:"
  while [[ $list == *":$2:"* ]]; do list=${list/":$2:"/:}; done
  list=${list#:}
  printf %s "${list%:}"
}

steps_root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]:-$0}")" && pwd)
steps_builtin=$steps_root/steps_py/kaldi/bin

PYTHONPATH=$(steps_without "${PYTHONPATH:-}" "$steps_root")
export PYTHONPATH="$steps_root${PYTHONPATH:+:$PYTHONPATH}"

if [ -d "$steps_root/.venv/bin" ]; then
  export VIRTUAL_ENV="$steps_root/.venv"
  PATH="$VIRTUAL_ENV/bin:$(steps_without "$PATH" "$VIRTUAL_ENV/bin")"
  unset PYTHONHOME
fi

PATH=$(steps_without "$PATH" "$steps_builtin")
if [ -n "${SIDEWINDER_KALDI_BINS:-}" ]; then    # path.sh was sourced before
  PATH=$(steps_without "$PATH" "$SIDEWINDER_KALDI_BINS")
  unset SIDEWINDER_KALDI_BINS
fi

if [ -z "${KALDI_ROOT:-}" ]; then
  PATH="$steps_builtin:$PATH"
else
  for steps_bin in featbin/compute-mfcc-feats ivectorbin/ivector-compute-plda bin/copy-vector; do
    if [ ! -x "$KALDI_ROOT/src/$steps_bin" ]; then
      echo "path.sh: KALDI_ROOT is $KALDI_ROOT, but src/$steps_bin is not there." \
        "Build Kaldi, or unset KALDI_ROOT to use the built-in commands." >&2
      unset -f steps_without
      unset steps_root steps_builtin steps_bin
      return 1    # not exit: a user may have sourced this by hand
    fi
  done
  steps_src=$(CDPATH='' cd -- "$KALDI_ROOT/src" && pwd)    # absolute: a job may change folder
  SIDEWINDER_KALDI_BINS=$steps_src/featbin:$steps_src/ivectorbin:$steps_src/nnet3bin:$steps_src/bin
  SIDEWINDER_KALDI_BINS=$SIDEWINDER_KALDI_BINS:$steps_src/gmmbin:$steps_src/fgmmbin
  export SIDEWINDER_KALDI_BINS PATH="$SIDEWINDER_KALDI_BINS:$PATH"
  unset steps_bin steps_src
fi
export PATH

unset -f steps_without
unset steps_root steps_builtin
