#!/bin/bash
# The tests of both schedulers at once: they wait more than they work.
cd "$(dirname "$0")/../.." || exit 1
pids=()
for name in sge slurm; do
  (
    set -o pipefail
    python -m pytest --verbosity=1 -m cluster -k "$name" tests/real_clusters 2>&1 | sed -u "s/^/$name: /"
  ) &
  pids+=($!)
done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=1; done
exit $status
