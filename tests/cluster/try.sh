#!/usr/bin/env bash
# Spreads the quick experiment and a continual one over a cluster that it starts on this machine, and compares every record with
# those of one process. Not part of `cargo test`.
#
#   try.sh slurm REPRISE       Slurm, two nodes; a program and a node are killed on the way. Exit code 77: no Slurm, or not root.
#   try.sh limit REPRISE       Slurm, and a run that is longer than its time.
#   try.sh snakemake REPRISE   Snakemake, which must be on the path. Exit code 77: it is not.
#
# REPRISE is the program. Everything that was started is stopped at the end.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
kind=$1
reprise=$(realpath "$2")
scratch=$(mktemp -d)
unset REPRISE_HOME REPRISE_CACHE
# shellcheck source=slurm.sh
source "$here/slurm.sh"

case $kind in
  slurm | limit) if slurm_missing; then exit 77; fi ;;
  snakemake) command -v snakemake > /dev/null || { echo "snakemake is missing: pip install snakemake"; exit 77; } ;;
  *) echo "expected slurm, limit or snakemake"; exit 2 ;;
esac
finish() {
  if [[ $kind != snakemake ]]; then slurm_stop; fi
  if [[ ${KEEP:-} ]]; then echo "kept: $scratch"; else rm -rf "$scratch"; fi
}
trap finish EXIT

wait_for() {
  local waited=0
  until eval "$2"; do
    sleep 1
    waited=$((waited + 1))
    if ((waited > ${LIMIT:-1800})); then echo "$1: not within ${LIMIT:-1800} s"; squeue; tail -n 3 "$scratch"/plan-*/logs/*; exit 1; fi
  done
}

if [[ $kind == limit ]]; then
  slurm_start "$scratch/slurm"
  echo "== a run that is longer than its time: three minutes, of which it keeps two to save its state"
  mkdir "$scratch/home"
  cp -r "$root/reproductions" "$root/data-manifests" "$scratch/home"
  sed -i -e "0,/epochs = 100/s//epochs = ${EPOCHS:-4000}/" -e "0,/patience = 20/s//patience = ${EPOCHS:-4000}/" "$scratch/home/reproductions/quick.toml"
  long_places() { echo "--home $scratch/home --cache $scratch/long-$1/cache --results $scratch/long-$1/results"; }
  # shellcheck disable=SC2046
  "$reprise" plan quick --format slurm --to "$scratch/plan-long" $(long_places many)
  at='next(at for at, run in enumerate(json.load(open(sys.argv[1]))["runs"]) if (run["trial"], run["seed"]) == ("teacher", 0))'
  index=$(python3 -c "import json, sys; print($at)" "$scratch"/plan-long/plan-*.json)
  mkdir -p "$scratch/plan-long/logs"
  (cd "$scratch/plan-long" && sbatch --parsable --array=0-0 --time=3 --mem=2000M --cpus-per-task=1 run.sbatch "$index")
  # shellcheck disable=SC2046
  "$reprise" run quick --trial teacher --seed 0 --threads 1 $(long_places one) > "$scratch/one.log" 2>&1 || { cat "$scratch/one.log"; exit 1; }
  wait_for "the long run" '[[ $(squeue --noheader | wc -l) == 0 ]]'
  again=$(cat "$scratch"/plan-long/logs/*.log | grep -c "queued again" || true)
  echo "== the long run was stopped before its time was over, and queued again, $again times"
  ((again > 0)) || { echo "expected a run that its time was too short for: EPOCHS=N takes longer"; exit 1; }
  python3 "$here/compare.py" "$scratch/long-one/results" "$scratch/long-many/results"
  exit
fi

echo "== one process"
places() { echo "--home $root --cache $scratch/$1/cache --results $scratch/$1/results"; }
# shellcheck disable=SC2046
for spec in "quick --profile base" "ader/movietweetings --profile quick"; do
  "$reprise" run $spec --threads 1 $(places one) > "$scratch/one.log" 2>&1 || { cat "$scratch/one.log"; exit 1; }
done

# plan NAME SPEC PROFILE FORM
# shellcheck disable=SC2046
plan() { "$reprise" plan "$2" --profile "$3" --format "$4" --to "$scratch/plan-$1" $(places many); }

if [[ $kind == snakemake ]]; then
  for of in "quick quick base" "ader ader/movietweetings quick"; do
    # shellcheck disable=SC2086
    plan $of snakemake
    name=${of%% *}
    snakemake --directory "$scratch/plan-$name" --snakefile "$scratch/plan-$name/Snakefile" --cores 2 --quiet
  done
  python3 "$here/compare.py" "$scratch/one/results" "$scratch/many/results"
  exit
fi

slurm_start "$scratch/slurm"
plan quick quick base slurm
plan ader ader/movietweetings quick slurm
"$scratch/plan-quick/submit.sh"
"$scratch/plan-ader/submit.sh"

running() { pgrep -f "run --plan plan-.* --home $root --cache $scratch/many" || true; }
# A program that has run for some seconds is of a long run, and has saved a state.
long() { for pid in $(running); do if (($(ps -o etimes= -p "$pid" || echo 0) > 8)); then echo "$pid"; fi; done | head -n 1; }
victim=
wait_for "a long run" 'victim=$(long); [[ -n $victim ]]'
echo "== SIGKILL to the program of a job: $(tr '\0' ' ' < "/proc/$victim/cmdline")"
kill -KILL "$victim"

wait_for "a run on n2" '[[ $(squeue --noheader --nodelist=n2 --states=running | wc -l) -gt 0 ]]'
sleep 2
echo "== the node n2 fails: its slurmd and all that it started get SIGKILL"
jobs=$(squeue --noheader --nodelist=n2 --states=running --format=%A)
kill -KILL "$(cat "$scratch/slurm/slurmd-n2.pid")"
below() { local child; for child in $(pgrep -P "$1"); do below "$child"; echo "$child"; done; }
for job in $jobs; do
  for step in $(pgrep -f "slurmstepd: \[$job\."); do
    # The step first: it would tell the controller that its job has ended.
    victims="$step $(below "$step")"
    # shellcheck disable=SC2086
    kill -KILL $victims || true
  done
done
sleep 30
sinfo
slurm_node n2

wait_for "all jobs" '[[ $(squeue --noheader | wc -l) == 0 ]]'
again=$(grep -l "queued again" "$scratch"/plan-*/logs/* | wc -l)
# The controller finds that the node does not answer, or that it came back without its job.
failed=$(grep -cE "due to failure of node|missing from batch node" "$scratch/slurm/log/slurmctld" || true)
echo "== all jobs have ended; queued again: $again after the program was killed, $failed after the node failed"
tail -n 2 "$scratch"/plan-*/logs/*report*
python3 "$here/compare.py" "$scratch/one/results" "$scratch/many/results"
((again > 0 && failed > 0)) || { echo "expected a run that was queued again after each of the two failures"; exit 1; }
