#!/usr/bin/env bash
# A Slurm of one node on this machine (Debian: apt-get install slurm-wlm munge), and steps.sh on it:
# the result has to be that of one process, also when a step's job is killed. As root, in a sandbox:
# it writes /etc/slurm. Its output is one_node.log.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'pkill slurmd || true; pkill slurmctld || true; pkill munged || true; rm -rf "$work"' EXIT

host=$(hostname -s)
mkdir -p /etc/slurm /run/munge /var/lib/munge /var/log/munge
[ -s /etc/munge/munge.key ] || dd if=/dev/urandom of=/etc/munge/munge.key bs=1 count=1024 status=none
chown -R munge: /etc/munge /run/munge /var/lib/munge /var/log/munge
chmod 400 /etc/munge/munge.key
cat >/etc/slurm/slurm.conf <<END
ClusterName=one
SlurmctldHost=$host
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=1500
ReturnToService=2
MessageTimeout=60
StateSaveLocation=$work/ctld
SlurmdSpoolDir=$work/slurmd
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
NodeName=$host CPUs=$(nproc) RealMemory=$(free -m | awk 'NR == 2 { print int($2 * .8) }') State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
mkdir -p "$work/ctld" "$work/slurmd"
su -s /bin/sh -c 'munged --force' munge || munged --force
slurmctld
slurmd
for _ in $(seq 60); do sinfo -h -o %T 2>/dev/null | grep -q idle && break; sleep 1; done
echo "slurm $(sinfo --version | cut -d' ' -f2), $(sinfo -h -o '%D node, %c CPUs, %T')"

reads=$(python3 -c 'import dbgclean, os; print(os.path.join(os.path.dirname(dbgclean.__file__), "example"))')
set -- "$reads/example_R1.fastq.gz" "$reads/example_R2.fastq.gz"
cd "$work"
dbgclean correct "$@" -o one1.fq one2.fq --corrections one.tsv.gz -q
(
    # One job of the first pass is killed: its array fails, and the next attempt does that step.
    until squeue -h -r -t RUNNING -o %A 2>/dev/null | head -n 1 | xargs -r scancel --signal=KILL --full 2>/dev/null &&
        [ -n "$(squeue -h -r -t RUNNING -o %A)" ]; do sleep 0.2; done
) &
BLOCKS=6 "$here/steps.sh" plan correct "$@" -o many1.fq many2.fq --corrections many.tsv.gz
for name in 1.fq 2.fq .tsv.gz; do cmp "one$name" "many$name" && echo "$name: the same bytes"; done
echo "jobs: $(find plan -name '*.log' | wc -l) steps wrote a log"

echo "the same by dask-jobqueue: --cluster slurm"
dbgclean correct "$@" -o dask1.fq dask2.fq --corrections dask.tsv.gz --cluster slurm --workers 2 \
    --memory 1500M --blocks 3 --steps steps
for name in 1.fq 2.fq .tsv.gz; do cmp "one$name" "dask$name" && echo "$name: the same bytes"; done
