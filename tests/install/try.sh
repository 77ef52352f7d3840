#!/usr/bin/env bash
# Installs the program by `cargo install` and as a wheel into a new virtual environment, and runs both in an empty folder with
# no checkout above it; without a network where this user may take it away (`unshare --net`). Not part of `cargo test`: it
# builds the program, and takes maturin from pip. Exit code 77: maturin cannot be had.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset REPRISE_HOME REPRISE_MIRROR

offline=()
if unshare --net --map-root-user true 2> /dev/null; then offline=(unshare --net --map-root-user); fi

# The whole of what a new user does.
try() {
  local program=$1 folder=$scratch/empty-$2
  mkdir "$folder"
  export REPRISE_CACHE=$scratch/cache-$2
  (
    cd "$folder"
    "${offline[@]}" "$program" home
    "${offline[@]}" "$program" list > list.txt
    grep -q "quick" list.txt
    "${offline[@]}" "$program" run quick > run.txt
    "${offline[@]}" "$program" check quick
    "${offline[@]}" "$program" check quick --rerun --trial pop --trial student --seed 0
    "${offline[@]}" "$program" report quick --html page.html > report.txt
    test -s page.html -a -s results/quick/base/REPORT.md
  )
  echo "$2: works in an empty folder${offline[*]:+, without a network}; $(wc -c < "$program") bytes"
}

echo "== cargo install --path . --locked"
time cargo install --path "$root" --locked --root "$scratch/cargo" --quiet
try "$scratch/cargo/bin/reprise" cargo

echo "== a wheel"
python3 -m venv "$scratch/build"
if ! "$scratch/build/bin/pip" install --quiet "maturin>=1.9,<2"; then
  echo "skipped: pip cannot get maturin"
  exit 77
fi
(cd "$root" && time "$scratch/build/bin/maturin" build --release --locked --quiet --out "$scratch/wheels")
ls -l "$scratch/wheels"
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --no-index "$scratch"/wheels/*.whl
try "$scratch/venv/bin/reprise" wheel
