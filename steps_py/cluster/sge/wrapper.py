"""The script of an SGE job: a wrapper around Snakemake's script, and the run's environment."""

import os
import re
import shlex

# Variables of the submit host, of the controller or of another job of a scheduler.
NOT_EXPORTED = re.compile(
    r"_|PWD|OLDPWD|SHLVL|HOST|HOSTNAME|TERM|DISPLAY|TMPDIR|TMP|TEMP|SSH_.*|XDG_.*|DBUS_.*|BASH_.*"
    r"|SIDEWINDER_RUN|SIDEWINDER_FRESH|SNAKEMAKE_PROFILE|CUDA_VISIBLE_DEVICES"
    r"|SGE_.*|JOB_.*|NSLOTS|NHOSTS|NQUEUES|PE|PE_HOSTFILE|QUEUE|REQUEST|RESTARTED|ARC|ENVIRONMENT"
)

# The job waits until its submission is recorded under its id: until then the controller may have
# no record of it, and could start another job that writes the same files.
# With qsub -notify, USR2 precedes the SIGKILL of qdel or a limit, USR1 precedes a suspension.
# USR2 is forwarded as SIGTERM to every process of the job, as Slurm does: a training writes a
# checkpoint, and the shells keep waiting for it.
JOB = """\
#!/bin/bash
state={state}
log={log}
mkdir -p "${{log%/*}}" && exec >"$log.$JOB_ID.log" 2>&1
echo "job $JOB_ID ($JOB_NAME) on $(hostname), $(date '+%F %T')"
for ((i = 0; i < {patience_s}; i++)); do
  grep -qs {token} "$state/active/$JOB_ID.json" && break
  sleep 1
done
if ((i == {patience_s})); then
  echo "not run: $state/active/$JOB_ID.json does not name this submission"
  exit 1
fi
. {script}.env
# If this shell is killed, SGE would leave its children running beside their replacement.
(trap '' USR2 TERM; while kill -0 $$; do sleep 1; done; kill -KILL 0) 2>/dev/null &
watcher=$!
disown    # no message of bash when it ends
warned=
stop() {{
  warned=warned
  for pid in $(pgrep -g 0); do
    ((pid == $$ || pid == watcher)) || kill -TERM $pid 2>/dev/null
  done
}}
trap stop USR2
trap '' USR1
SECONDS=0
(trap '' USR2; trap : TERM; . {script}.job) &
job=$!
wait $job
code=$?
if [ $warned ]; then    # the first wait ended with the signal, not with the job
  wait $job
  code=$?
fi
kill -KILL $watcher
if ((code)); then    # what a killed process left behind
  for pid in $(pgrep -g 0); do ((pid == $$)) || kill -KILL $pid 2>/dev/null; done
fi
echo "exit code $code after $SECONDS s $warned"
echo $code $SECONDS $warned >"$state/exit/.$JOB_ID" &&
  mv "$state/exit/.$JOB_ID" "$state/exit/$JOB_ID"
exit $((code != 0))    # never 99 or 100, by which SGE reruns or holds the job
"""


def job_text(*, state, log, script, token: str, patience_s: float = 300):
    """The wrapper as bash; all paths absolute."""
    return JOB.format(
        state=shlex.quote(str(state)),
        log=shlex.quote(str(log)),
        script=shlex.quote(str(script)),
        token=shlex.quote(f'"{token}"'),
        patience_s=patience_s,
    )


def exports() -> str:
    """The run's environment as bash: qsub -V drops LD_LIBRARY_PATH and fails with functions."""
    return "".join(
        f"export {key}={shlex.quote(value)}\n"
        for key, value in os.environ.items()
        if re.fullmatch(r"[A-Za-z_]\w*", key) and not NOT_EXPORTED.fullmatch(key)
    )
