#!/usr/bin/env bash
# Slurm on this machine: a controller and two nodes of one CPU each, in a folder of their own. Sourced by try.sh.
# `slurm_start DIR` starts it, `slurm_stop` stops it; `slurm_node NAME` starts a node's slurmd.

slurm_missing() {
  local tool
  for tool in munged slurmctld slurmd sbatch squeue scontrol; do
    command -v "$tool" > /dev/null || { echo "$tool is missing: apt-get install slurmctld slurmd slurm-client munge"; return 0; }
  done
  [[ $(id -u) == 0 ]] || { echo "slurmd needs root"; return 0; }
  return 1
}

slurm_start() {
  slurm=$1
  mkdir -p "$slurm"/{state,spool,log,munge}
  chmod 700 "$slurm/munge"
  head -c 1024 /dev/urandom > "$slurm/munge/key"
  chmod 400 "$slurm/munge/key"
  cat > "$slurm/slurm.conf" <<CONF
ClusterName=reprise
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=17000
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$slurm/munge/socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPidFile=$slurm/slurmctld.pid
SlurmdPidFile=$slurm/slurmd-%n.pid
SlurmctldLogFile=$slurm/log/slurmctld
SlurmdLogFile=$slurm/log/slurmd-%n
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool/%n
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobRequeue=1
KillWait=5
SlurmdTimeout=15
SchedulerParameters=sched_interval=5,requeue_setup_env_fail
NodeName=n1 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=17001 CPUs=1 RealMemory=4000
NodeName=n2 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=17002 CPUs=1 RealMemory=4000
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
CONF
  printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' > "$slurm/cgroup.conf"
  export SLURM_CONF=$slurm/slurm.conf
  munged --force --key-file="$slurm/munge/key" --socket="$slurm/munge/socket" --pid-file="$slurm/munge/pid" \
    --log-file="$slurm/munge/log" --seed-file="$slurm/munge/seed"
  slurmctld -f "$SLURM_CONF" -c
  slurm_node n1
  slurm_node n2
  local waited=0
  until [[ $(sinfo --noheader --states=idle --format=%D 2> /dev/null) == 2 ]]; do
    sleep 1
    waited=$((waited + 1))
    if ((waited > 60)); then
      sinfo || true
      tail -n 5 "$slurm"/log/*
      return 1
    fi
  done
}

slurm_node() {
  slurmd -f "$SLURM_CONF" -N "$1"
}

slurm_stop() {
  # Nothing of ours was started, and another cluster's jobs are not ours.
  [[ ${slurm:-} ]] || return 0
  local pid waited=0
  scancel --user=root 2> /dev/null || true
  while ((waited < 10)) && [[ -n $(squeue --noheader 2> /dev/null) ]]; do
    sleep 1
    waited=$((waited + 1))
  done
  for pid in "$slurm"/slurmd-*.pid "$slurm"/slurmctld.pid "$slurm"/munge/pid; do
    if [[ -s $pid ]]; then kill "$(cat "$pid")" 2> /dev/null || true; fi
  done
  sleep 2
}
