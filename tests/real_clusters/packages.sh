#!/bin/bash
# Install what the schedulers of the tests need. Where that cannot be, say why in one line and
# exit 75: continuous integration then leaves these tests out.
here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo "a real SGE and a real Slurm need root"; exit 75; }
command -v apt-get >/dev/null || { echo "SGE and Slurm are installed by apt-get, which is not here"; exit 75; }
dpkg -s gridengine-master gridengine-exec gridengine-client slurmctld slurmd slurm-client munge \
  >/dev/null 2>&1 && exit 0
for up in "$here"/*_up.sh; do
  if ! said=$("$up" --packages 2>&1); then
    echo "${said##*$'\n'}"
    exit 75
  fi
done
