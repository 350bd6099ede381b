#!/bin/bash
# A real Slurm of one node for tests, from Debian's packages: no systemd, no cgroups, as root.
#
#   slurm_up.sh           start what is not running
#   slurm_up.sh --fresh   stop it first, and forget all jobs
#   slurm_up.sh --packages    install what it needs, and no more
#
#   SLURM_CPUS=8 SLURM_MEM_MB=16000 SLURM_GPUS=2    what the node says it has; GPUs are fake devices
#   SLURM_DBD=1             accounting too: slurmdbd on MariaDB
#   SLURM_MIN_JOB_AGE=600   seconds that slurmctld remembers a finished job
#
# Logs of the daemons: /var/log/slurm. An /etc/slurm/slurm.conf of somebody else is left alone.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cpus=${SLURM_CPUS:-8} mem_mb=${SLURM_MEM_MB:-16000} gpus=${SLURM_GPUS:-2} dbd=${SLURM_DBD:-0}
min_job_age=${SLURM_MIN_JOB_AGE:-600}
host=$(hostname -s)
state=/var/lib/slurm logs=/var/log/slurm pids=/run/slurm
made_by="# made by tests/real_clusters/slurm_up.sh"

fail() { echo "slurm_up.sh: $*" >&2; exit 1; }
alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }
until_true() {    # what, command...: for a minute
  local what=$1; shift
  for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
  tail -n 20 $logs/*.log >&2
  fail "never came: $what"
}

[ "$(id -u)" = 0 ] || fail "needs root, for packages, munge and slurmd"
conf=/etc/slurm/slurm.conf
if [ -e $conf ] && ! grep -q "^$made_by" $conf; then
  fail "$conf is not mine; this host has a Slurm of its own. Run the tests in a container."
fi

packages="slurmctld slurmd slurm-client munge"
[ "$dbd" = 0 ] || packages="$packages slurmdbd mariadb-server"
if ! dpkg -s $packages >/dev/null 2>&1; then
  policy=/usr/sbin/policy-rc.d    # no service starts by itself while packages are installed
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap "rm -f $policy" EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  install="apt-get install -y -qq --no-install-recommends $packages"
  $install >/dev/null 2>&1 || { apt-get update -qq && $install >/dev/null; } ||
    fail "apt-get cannot install $packages"
fi
[ "${1:-}" != --packages ] || exit 0

if [ "${1:-}" = --fresh ]; then
  "$here/slurm_down.sh"
  rm -rf $state/ctld $state/slurmd $logs/*.log
fi
mkdir -p $state/ctld $state/slurmd $state/gpus $logs $pids /etc/slurm /run/munge

key=/etc/munge/munge.key
[ -s $key ] || { dd if=/dev/urandom bs=1 count=1024 of=$key 2>/dev/null; chmod 400 $key; }
chown -R munge:munge /etc/munge /var/log/munge /var/lib/munge /run/munge
chmod 755 /run/munge
alive /run/munge/munged.pid || su -s /bin/sh -c /usr/sbin/munged munge
until_true "munged" munge -n

: >/etc/slurm/gres.conf
node_gres=
if [ "$gpus" -gt 0 ]; then
  for i in $(seq 0 $((gpus - 1))); do
    [ -e $state/gpus/$i ] || mknod $state/gpus/$i c 1 3
  done
  echo "NodeName=$host Name=gpu File=$state/gpus/[0-$((gpus - 1))]" >/etc/slurm/gres.conf
  node_gres="Gres=gpu:$gpus"
fi
accounting="AccountingStorageType=accounting_storage/none"
[ "$dbd" = 0 ] || accounting="AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost"
cat >$conf <<CONF
$made_by
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$state/ctld
SlurmdSpoolDir=$state/slurmd
SlurmctldPidFile=$pids/slurmctld.pid
SlurmdPidFile=$pids/slurmd.pid
SlurmctldLogFile=$logs/slurmctld.log
SlurmdLogFile=$logs/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=1,sched_min_interval=100000,bf_interval=5
# memory limits without cgroups: a job above its request is killed
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss
MinJobAge=$min_job_age
KillWait=10
ReturnToService=2
SlurmdParameters=config_overrides
GresTypes=gpu
$accounting
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$mem_mb $node_gres State=UNKNOWN
PartitionName=main Nodes=$host Default=YES DefMemPerCPU=500 MaxTime=INFINITE State=UP
PartitionName=short Nodes=$host DefMemPerCPU=500 MaxTime=5 State=UP
CONF

if [ "$dbd" != 0 ]; then
  mkdir -p /run/mysqld
  chown mysql:mysql /run/mysqld
  [ -d /var/lib/mysql/mysql ] || mysql_install_db --user=mysql --datadir=/var/lib/mysql >/dev/null
  if ! alive /run/mysqld/mysqld.pid; then
    setsid nohup /usr/sbin/mariadbd --user=mysql --skip-networking \
      --pid-file=/run/mysqld/mysqld.pid --socket=/run/mysqld/mysqld.sock \
      --innodb-buffer-pool-size=128M </dev/null >$logs/mariadb.log 2>&1 &
  fi
  until_true "MariaDB" mysqladmin ping
  mysql -e "create database if not exists slurm_acct_db;
    create user if not exists 'slurm'@'localhost' identified by 'slurm';
    grant all on slurm_acct_db.* to 'slurm'@'localhost';"
  cat >/etc/slurm/slurmdbd.conf <<CONF
AuthType=auth/munge
DbdHost=localhost
SlurmUser=root
PidFile=$pids/slurmdbd.pid
LogFile=$logs/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
CONF
  chmod 600 /etc/slurm/slurmdbd.conf
  alive $pids/slurmdbd.pid || /usr/sbin/slurmdbd
  until_true "slurmdbd" sacctmgr -n show cluster
  for what in "cluster test" "account test cluster=test" "user root account=test cluster=test"; do
    sacctmgr -i add $what >/dev/null 2>&1 || true    # it is there already
  done
fi

alive $pids/slurmctld.pid || /usr/sbin/slurmctld
until_true "slurmctld" sh -c "scontrol ping | grep -q 'is UP'"
alive $pids/slurmd.pid || /usr/sbin/slurmd
scontrol update nodename="$host" state=resume 2>/dev/null || true    # if it was down before
until_true "a job that runs" srun --time=1 --mem=50 true
echo "Slurm is up: $(sinfo --noheader --format='%P %c CPUs %m MB %G' | tr '\n' ';')"
