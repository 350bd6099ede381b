#!/bin/bash
# Stop the daemons that sge_up.sh started, by their process ids, jobs first: the shepherds of
# running jobs would outlive execd.
spool=/var/spool/gridengine
[ -e $spool/made_by_tests_cluster_sge_up ] || exit 0
qmaster=$spool/qmaster/qmaster.pid
if [ -s $qmaster ] && kill -0 "$(cat $qmaster)" 2>/dev/null; then
  qdel -u '*' >/dev/null 2>&1
  for _ in $(seq 60); do
    [ -z "$(qstat -u '*' 2>/dev/null)" ] && break
    sleep 0.5
  done
fi
for file in $spool/execd/*/execd.pid $qmaster; do
  [ -s "$file" ] || continue
  pid=$(cat "$file")
  case $(cat "/proc/$pid/comm" 2>/dev/null) in sge_execd|sge_qmaster) ;; *) continue ;; esac
  kill -TERM "$pid"
  for _ in $(seq 300); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  kill -0 "$pid" 2>/dev/null && kill -KILL "$pid"
  rm -f "$file"
done
exit 0
