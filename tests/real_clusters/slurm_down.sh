#!/bin/bash
# Stop the Slurm of slurm_up.sh, by process id. Jobs first: they would outlive their slurmd.
pids=/run/slurm
ours() { grep -qs "^# made by tests/real_clusters/slurm_up.sh" /etc/slurm/slurm.conf; }
stop() {    # pid file, name of the process
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 0
  grep -qsE "$2" "/proc/$pid/comm" || return 0
  kill -TERM "$pid"
  for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.1; done
  kill -KILL "$pid"
}

ours || exit 0
if [ -s $pids/slurmctld.pid ] && kill -0 "$(cat $pids/slurmctld.pid)" 2>/dev/null; then
  jobs=$(squeue --noheader --format=%A)
  [ -z "$jobs" ] || scancel $jobs
  for _ in $(seq 150); do [ -z "$(squeue --noheader 2>/dev/null)" ] && break; sleep 0.2; done
fi
stop $pids/slurmd.pid slurmd
stop $pids/slurmctld.pid slurmctld
stop $pids/slurmdbd.pid slurmdbd
stop /run/mysqld/mysqld.pid 'mariadbd|mysqld'
stop /run/munge/munged.pid munged
exit 0
