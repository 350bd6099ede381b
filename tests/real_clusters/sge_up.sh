#!/bin/bash
# A real Son of Grid Engine 8.1.9 of one host for tests, from Debian's packages: no systemd, as root.
#
#   sge_up.sh           start what is not running
#   sge_up.sh --fresh   stop it first, and forget all jobs
#
#   SGE_SLOTS=8 SGE_GPUS=2 SGE_RAM=16G   the queue's slots, the consumables gpu and ram_free
#   SGE_ACCT_FLUSH=00:00:05              how late accounting is; 00:00:15 is SGE's own default
#
# Facts that cost time: jobs of root need min_uid 0; a host whose 127.0.0.1 is called localhost
# needs host_aliases; load thresholds put the queue of a busy machine into alarm.
set -euo pipefail
SLOTS=${SGE_SLOTS:-8} GPUS=${SGE_GPUS:-2} RAM=${SGE_RAM:-16G} FLUSH=${SGE_ACCT_FLUSH:-00:00:05}
ROOT=/var/lib/gridengine CELL=default SPOOL=/var/spool/gridengine
MINE=$SPOOL/made_by_tests_cluster_sge_up
H=$(hostname)
here=$(cd "$(dirname "$0")" && pwd)
pid_alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }
fail() { echo "sge_up.sh: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "needs root, for packages and daemons"

# 1. packages
packages="gridengine-master gridengine-exec gridengine-client"
if ! dpkg -s $packages >/dev/null 2>&1; then
  policy=/usr/sbin/policy-rc.d    # no service starts by itself while packages are installed
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap 'rm -f $policy' EXIT
  fi
  for p in common client exec master; do
    printf 'gridengine-%s shared/gridengineconfig boolean true\n' $p
    printf 'gridengine-%s shared/gridenginecell string %s\n' $p $CELL
    printf 'gridengine-%s shared/gridenginemaster string %s\n' $p "$H"
  done | debconf-set-selections
  apt="apt-get -qq -o DPkg::Lock::Timeout=300"
  export DEBIAN_FRONTEND=noninteractive
  $apt install -y --no-install-recommends $packages >/dev/null 2>&1 ||
    { $apt update >/dev/null && $apt install -y --no-install-recommends $packages >/dev/null; } ||
    fail "the packages cannot be installed: $packages"
  touch $MINE
elif [ ! -e $MINE ]; then
  # packages that were there before: an SGE of somebody who uses it is left alone
  others=$(qconf -sel 2>/dev/null | grep -vx -e "$H" -e localhost || true)
  [ -z "$others" ] && [ -z "$(qstat -u '*' 2>/dev/null)" ] ||
    fail "the SGE of this host has jobs or other hosts; run the tests in a container"
  touch $MINE
fi
if [ "${1:-}" = --packages ]; then exit; fi
if [ "${1:-}" = --fresh ]; then "$here/sge_down.sh"; fi
mkdir -p /var/run/gridengine; chown sgeadmin:sgeadmin /var/run/gridengine

# 2. optionally start from an empty cluster
if [ "${1:-}" = --fresh ]; then
  rm -rf $SPOOL/spooldb/* $SPOOL/qmaster/* $SPOOL/execd/* $ROOT/$CELL/common/accounting
  mkdir -p $SPOOL/qmaster/job_scripts; chown -R sgeadmin:sgeadmin $SPOOL
  su -s /bin/sh -c "/usr/share/gridengine/scripts/init_cluster $ROOT $CELL $SPOOL/spooldb sgeadmin" sgeadmin >/dev/null
fi

# 3. name resolution: 127.0.0.1 resolves back to 'localhost' here, so tell SGE that they are one host
echo "$H localhost" > $ROOT/$CELL/common/host_aliases
echo "$H" > $ROOT/$CELL/common/act_qmaster

# 4. qmaster (daemonises itself; root and sgeadmin are managers)
pid_alive $SPOOL/qmaster/qmaster.pid || { rm -f $SPOOL/qmaster/qmaster.pid; /usr/sbin/sge_qmaster; }
for i in $(seq 50); do qconf -sm >/dev/null 2>&1 && break; sleep 0.2; done

# 5. configuration (all through files: qconf -[AMRae]*)
T=$(mktemp -d)
trap 'rm -rf $T ${policy:-}' EXIT
qconf -ah "$H" >/dev/null 2>&1 || true
qconf -as "$H" >/dev/null 2>&1 || true
#   root may submit (default min_uid/min_gid is 1000); no waiting for load reports; accounting flush
qconf -sconf | sed -e '/^#/d' -e '/\\$/{N;s/\\\n *//}' \
   -e 's/^min_uid .*/min_uid 0/' -e 's/^min_gid .*/min_gid 0/' \
   -e 's/^load_report_time .*/load_report_time 00:00:05/' \
   -e 's/^shell_start_mode .*/shell_start_mode unix_behavior/' \
   -e 's/^administrator_mail .*/administrator_mail none/' \
   -e 's/^gid_range .*/gid_range 65400-65500/' \
   -e "s/^reporting_params .*/reporting_params accounting=true reporting=false flush_time=00:00:15 accounting_flush_time=$FLUSH joblog=false sharelog=00:00:00/" > $T/global
( cd $T && qconf -Mconf global >/dev/null 2>&1 )
#   scheduler: 1 s instead of 15 s, and at once on submit / finish
qconf -ssconf | sed -e 's/^schedule_interval .*/schedule_interval 0:0:1/' \
   -e 's/^flush_submit_sec .*/flush_submit_sec 1/' -e 's/^flush_finish_sec .*/flush_finish_sec 1/' \
   -e 's/^job_load_adjustments .*/job_load_adjustments NONE/' \
   -e 's/^load_adjustment_decay_time .*/load_adjustment_decay_time 0:0:0/' > $T/sched
qconf -Msconf $T/sched >/dev/null
#   consumables
qconf -sc > $T/sc
grep -q '^gpu ' $T/sc      || echo 'gpu                 gpu        INT       <=    YES         JOB        0        0' >> $T/sc
grep -q '^ram_free ' $T/sc || echo 'ram_free            ram_free   MEMORY    <=    YES         JOB        0        0' >> $T/sc
qconf -Mc $T/sc >/dev/null
#   execution host
printf 'hostname %s\nload_scaling NONE\ncomplex_values gpu=%s,ram_free=%s\nuser_lists NONE\nxuser_lists NONE\nprojects NONE\nxprojects NONE\nusage_scaling NONE\nreport_variables NONE\n' "$H" "$GPUS" "$RAM" > $T/exec
if qconf -sel 2>/dev/null | grep -qx "$H"; then qconf -Me $T/exec >/dev/null; else qconf -Ae $T/exec >/dev/null; fi
#   parallel environment smp
printf 'pe_name smp\nslots 999\nuser_lists NONE\nxuser_lists NONE\nstart_proc_args /bin/true\nstop_proc_args /bin/true\nallocation_rule $pe_slots\ncontrol_slaves FALSE\njob_is_first_task TRUE\nurgency_slots min\naccounting_summary FALSE\nqsort_args NONE\n' > $T/pe
if qconf -spl 2>/dev/null | grep -qx smp; then qconf -Mp $T/pe >/dev/null; else qconf -Ap $T/pe >/dev/null; fi
#   host group and queue; no load threshold (a busy CI box would put the queue in alarm)
printf 'group_name @allhosts\nhostlist %s\n' "$H" > $T/hgrp
if qconf -shgrpl 2>/dev/null | grep -qx @allhosts; then qconf -Mhgrp $T/hgrp >/dev/null; else qconf -Ahgrp $T/hgrp >/dev/null; fi
cat > $T/q <<Q
qname                 all.q
hostlist              @allhosts
seq_no                0
load_thresholds       NONE
suspend_thresholds    NONE
nsuspend              1
suspend_interval      00:05:00
priority              0
min_cpu_interval      00:05:00
processors            UNDEFINED
qtype                 BATCH INTERACTIVE
ckpt_list             NONE
pe_list               smp
rerun                 FALSE
slots                 $SLOTS
tmpdir                /tmp
shell                 /bin/bash
prolog                NONE
epilog                NONE
shell_start_mode      unix_behavior
starter_method        NONE
suspend_method        NONE
resume_method         NONE
terminate_method      NONE
notify                00:00:05
owner_list            NONE
user_lists            NONE
xuser_lists           NONE
subordinate_list      NONE
complex_values        NONE
projects              NONE
xprojects             NONE
calendar              NONE
initial_state         default
s_rt                  INFINITY
h_rt                  INFINITY
s_cpu                 INFINITY
h_cpu                 INFINITY
s_fsize               INFINITY
h_fsize               INFINITY
s_data                INFINITY
h_data                INFINITY
s_stack               INFINITY
h_stack               INFINITY
s_core                INFINITY
h_core                INFINITY
s_rss                 INFINITY
h_rss                 INFINITY
s_vmem                INFINITY
h_vmem                INFINITY
Q
if qconf -sql 2>/dev/null | grep -qx all.q; then qconf -Mq $T/q >/dev/null; else qconf -Aq $T/q >/dev/null; fi

# 6. execd, then wait until the queue instance is reachable
pid_alive $SPOOL/execd/$H/execd.pid || pid_alive $SPOOL/execd/localhost/execd.pid || /usr/sbin/sge_execd
for i in $(seq 100); do
  [ "$(qstat -f -q all.q 2>/dev/null | awk '$1 ~ /^all.q@/ {print NF}')" = 5 ] && ok=1 && break; sleep 0.2
done
[ "${ok:-}" = 1 ] || { qstat -f; echo "SGE queue did not come up; see $SPOOL/qmaster/messages" >&2; exit 1; }
# 7. prove it
qsub -sync y -terse -cwd -b y -o /dev/null -j y /bin/true >/dev/null && echo "SGE up: $(qstat -f -q all.q | awk 'NR==3{print $1,$3}')"
