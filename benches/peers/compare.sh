#!/usr/bin/env bash
# Ours and PyTorch's times of the same work, in alternation, so that the machine's noise hits both.
# Prints one line per work and round: work, ours in ms, PyTorch in ms, PyTorch / ours. Lines of requests, which come
# one at a time: work, our median and 99th percentile in µs, PyTorch's, ratio of the medians.
#
# `requests` as the third argument leaves out everything else.
#
#   python3 -m venv ~/.cache/torch-peer && ~/.cache/torch-peer/bin/pip install torch numpy
#   benches/peers/compare.sh ~/.cache/torch-peer/bin/python 3
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$1
rounds=${2:-3}
only=${3:-}
export RAYON_NUM_THREADS=2

if [ "$only" = requests ]; then cargo bench --no-run --quiet --bench latency; else cargo bench --no-run --quiet; fi

# criterion's point estimate of one bench, in milliseconds
ours() { # bench, name
  cargo bench --quiet --bench "$1" -- --quick "$2" 2>/dev/null |
    "$python" -c '
import re, sys
units = {"ns": 1e-6, "µs": 1e-3, "us": 1e-3, "ms": 1.0, "s": 1e3}
found = re.search(r"time:\s+\[\S+ \S+ (\S+) (\S+)", sys.stdin.read())
print(float(found[1]) * units[found[2]])'
}

# the median that a program of the PyTorch side prints; the first argument picks a line by its `kind`
peer() { # kind, program, arguments…
  local kind=$1 program=$2
  shift 2
  "$python" "benches/peers/$program" "$@" --threads 2 |
    "$python" -c '
import json, sys
rows = [json.loads(line) for line in sys.stdin]
print(next(row["ms"] for row in rows if row.get("kind", "") == sys.argv[1]))' "$kind"
}

torch() { # kind, arguments…
  local kind=$1
  shift
  peer "$kind" torch_bench.py "$@"
}

line() { # work, ours, theirs
  "$python" -c 'import sys; w, a, b = sys.argv[1:]; print(f"{w}\t{float(a):.3f}\t{float(b):.3f}\t{float(b) / float(a):.2f}", flush=True)' "$@"
}

# a line of requests; ours is the row of the bench's table, which is measured as PyTorch's side measures
requests() { # work, row, dim
  local work=$1 row=$2
  {
    cargo bench --quiet --bench latency -- --quick "latency/${row/ //}/request\$" 2>/dev/null
    "$python" benches/peers/torch_bench.py latency-bpr --dim "$3" --threads 2
  } | "$python" -c '
import json, sys
work, row = sys.argv[1:]
lines = sys.stdin.read().splitlines()
ours = next([cell.strip().replace(",", "") for cell in line.split("|")[2:4]] for line in lines if line.startswith(f"| {row} |"))
torch = next(json.loads(line) for line in lines if line.startswith("{"))
ratio = torch["p50_us"] / float(ours[0])
print(work, *ours, torch["p50_us"], torch["p99_us"], f"{ratio:.2f}", sep="\t", flush=True)' "$work" "$row"
}

for ((round = 1; round <= rounds; round++)); do
  requests "request, top 20 of 25,182, d=200" "bpr teacher" 200
  requests "request, top 20 of 25,182, d=20" "bpr student" 20
  [ "$only" = requests ] && continue
  for dim in 200 20; do
    for adam in fused default; do
      line "BPR step d=$dim, Adam $adam" "$(ours step "step/bpr/citeulike/d$dim\$")" "$(torch "" bpr --dim "$dim" --adam "$adam")"
    done
  done
  line "RRD step d=20, Adam fused" "$(ours distill_ranking "distill/rrd/step")" "$(torch "" rrd --dim 20 --adam fused)"
  line "DE step d=20, τ=1, Adam fused" "$(ours distill "distill/de/citeulike/tau=1\$")" "$(torch "" de --dim 20 --adam fused --steps 3)"
  for dim in 250 25; do
    line "NeuMF step d=$dim, Adam fused" "$(ours step "step/neumf/citeulike/d$dim\$")" "$(torch "" neumf --dim "$dim" --adam fused)"
  done
  for dim in 100 50; do
    line "Caser step d=$dim, Adam fused" "$(ours sequential "step/caser/gowalla/d$dim\$")" "$(torch "" caser --dim "$dim" --adam fused)"
  done
  line "RD step d=50, Caser, Adam fused" "$(ours sequential "step/rd-caser/gowalla/d50\$")" "$(torch "" rd-caser --dim 50 --adam fused --steps 20)"
  line "ADER step, ragged, Adam fused" "$(ours session "step/ader/diginetica-16\$")" "$(torch "" ader --ragged --adam fused --steps 8)"
  line "ADER step, PyTorch padded, Adam fused" "$(ours session "step/ader/diginetica-16\$")" "$(torch "" ader --adam fused --steps 8)"
  line "ASMG base step, TF1's Adam on all rows" "$(ours asmg "asmg/base/taobao\$")" "$(peer dense asmg_base.py)"
  line "ASMG multi step, rows of the batch" "$(ours asmg "asmg/generator/multi/taobao\$")" "$(peer rows asmg_generator.py)"
  line "ASMG multi step, PyTorch whole tables" "$(ours asmg "asmg/generator/multi/taobao\$")" "$(peer whole asmg_generator.py)"
  for teacher in nextitnet residual-sasrec bert4rec; do
    line "AdaRec teacher step, $teacher" "$(ours adarec "teacher-step/$teacher-w64-4\$")" "$(peer "teacher-step/$teacher-w64-4" adarec_teachers.py)"
  done
  line "AdaRec whole search step" "$(ours adarec_student "adarec/training-step/search\$")" "$(peer step-search adarec_search.py)"
  line "AdaRec whole search step, PyTorch literal" "$(ours adarec_student "adarec/training-step/search\$")" "$(peer step-literal adarec_search.py)"
  line "AdaRec whole KD step of one architecture" "$(ours adarec_student "adarec/training-step/discrete-kd\$")" "$(peer step-discrete-kd adarec_search.py)"
  line "AdaRec search step, student" "$(ours adarec_student "adarec/student/full/step\$")" "$(peer full adarec_search.py)"
  line "AdaRec search step, PyTorch literal" "$(ours adarec_student "adarec/student/full/step\$")" "$(peer literal adarec_search.py)"
  line "AdaRec student of one architecture" "$(ours adarec_student "adarec/student/discrete/step\$")" "$(peer discrete adarec_search.py)"
  line "full ranking d=200" "$(ours ranking "ranking/full/d200\$")" "$(torch full ranking --dim 200)"
  line "sampled 499 d=200" "$(ours ranking "ranking/sampled-499/d200\$")" "$(torch sampled499 ranking --dim 200)"
done
