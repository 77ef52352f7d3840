#!/usr/bin/env bash
# Run cargo with the CUDA feature on an x86-64 Linux machine, with or without a GPU, a driver or
# a CUDA toolkit: compiler and headers come from pip wheels. The program that comes out opens the
# CUDA libraries at run time, so it also starts, and trains on the CPU, where there are none.
#
#   harness/cuda/cargo.sh build --locked                 the program
#   harness/cuda/cargo.sh test --locked -p reproductions its tests; those on CUDA need a GPU
#   harness/cuda/cargo.sh clippy --all-targets
#
# cargo gets `--release --features cuda` and what follows. Settings (environment):
#   CUDA_COMPUTE_CAP  the oldest compute capability served, without the dot (default 80: A100).
#                     The kernels are PTX, which the driver compiles for any later card; but 90
#                     means 90a, which runs on 9.0 alone
#   CUDA_KIT          where compiler and headers are kept, 280 MB (default ~/.cache/cuda-kit-13.0)
#   CARGO_TARGET_DIR  cargo's output; not shared with builds outside this script, because cargo
#                     does not see that the wrappers below changed something (default target/cuda)
# Needs: bash, python3 with venv and pip, a C++ compiler (g++ 12 works), cargo, readelf.
set -euo pipefail
if (($# == 0)); then
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
  exit 2
fi
command=$1
shift
cd "$(dirname "$0")/../.."

CUDA_KIT=${CUDA_KIT:-${XDG_CACHE_HOME:-$HOME/.cache}/cuda-kit-13.0}
export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-80}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target/cuda}

# --- 1. the wheels (NVIDIA's licence: fetched, never committed) and a CUDA_HOME tree of links ---
# One CUDA release for all of them: nvcc's own requirements are unpinned, and a newer nvvm beside
# nvcc 13.0 can write PTX that ptxas 13.0 and a 13.0 driver refuse.
WHEELS=(
  nvidia-cuda-nvcc==13.0.88    # nvcc, ptxas, cudafe++, fatbinary, nvlink
  nvidia-nvvm==13.0.88         # cicc, libdevice
  nvidia-cuda-crt==13.0.88     # include/crt
  nvidia-cuda-runtime==13.0.96 # include/*.h, libcudart_static.a
  nvidia-cuda-cccl==13.0.85    # cub, thrust, libcu++
)
mkdir -p "$CUDA_KIT"
CUDA_KIT=$(cd "$CUDA_KIT" && pwd)
stamp=$CUDA_KIT/.wheels
if [[ ! -f $stamp || $(<"$stamp") != "${WHEELS[*]}" ]]; then
  rm -rf -- "$CUDA_KIT/venv" "$CUDA_KIT/cuda" "$CUDA_KIT/link"
  python3 -m venv "$CUDA_KIT/venv"
  "$CUDA_KIT/venv/bin/python" -m pip install -q --no-deps "${WHEELS[@]}"
  root=$("$CUDA_KIT/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/nvidia/cu13
  mkdir -p "$CUDA_KIT/cuda" "$CUDA_KIT/link"
  for d in bin include nvvm; do ln -sfn "$root/$d" "$CUDA_KIT/cuda/$d"; done
  ln -sfn "$root/lib" "$CUDA_KIT/cuda/lib64" # nvcc and the crates look in lib64
  # candle-kernels links -lcudart: a folder in which only the static archive answers to it.
  ln -sfn "$root/lib/libcudart_static.a" "$CUDA_KIT/link/libcudart.a"
  printf '%s' "${WHEELS[*]}" >"$stamp"
fi

# --- 2. two wrappers ------------------------------------------------------------------------------
# put FILE: write standard input to an executable file, if it differs (its age starts rebuilds).
put() {
  cat >"$1.new"
  chmod +x "$1.new"
  if cmp -s "$1.new" "$1"; then rm -f "$1.new"; else mv "$1.new" "$1"; fi
}

# rustc: candle-core asks for cudarc's link-time binding and has no switch; compile cudarc (library
# and build script) with its run-time loading instead, nothing else changed.
put "$CUDA_KIT/rustc" <<'W'
#!/usr/bin/env bash
if [[ ${CARGO_PKG_NAME:-} == cudarc ]]; then
  args=()
  for a in "$@"; do
    [[ $a == 'feature="dynamic-linking"' ]] && a='feature="dynamic-loading"'
    args+=("$a")
  done
  exec "${args[@]}"
fi
exec "$@"
W

# nvcc: candle-kernels' kernels for quantized weights and mixture of experts, most of the build's
# time and size and of no use here, become C functions that stop the program when called.
put "$CUDA_KIT/nvcc" <<'W'
#!/usr/bin/env bash
set -euo pipefail
src=${!#} out=
for ((i = 1; i < $#; i++)); do
  if [[ ${!i} == -o ]]; then j=$((i + 1)); out=${!j}; fi
done
case ${CARGO_PKG_NAME:-}:$(basename -- "$src") in
  candle-kernels:moe_*.cu | candle-kernels:mmq_*.cu | candle-kernels:mmvq_*.cu)
    {
      echo '#include <stdio.h>'
      echo '#include <stdlib.h>'
      if [[ $src == *mmvq_gguf.cu ]]; then # all of them in this one object, none in the others
        sed -n 's/.*pub fn \([A-Za-z0-9_]*\).*/\1/p' src/ffi.rs | while read -r f; do
          printf 'void %s(void) { fputs("%s: built without the quantized and MoE CUDA kernels\\n", stderr); abort(); }\n' "$f" "$f"
        done
      fi
    } | cc -x c -O1 -fPIC -c -o "$out" -
    ;;
  *) exec "$CUDA_HOME/bin/nvcc" "$@" ;;
esac
W

# --- 3. cargo -------------------------------------------------------------------------------------
export CUDA_HOME=$CUDA_KIT/cuda CUDA_PATH=$CUDA_KIT/cuda
export PATH=$CUDA_HOME/bin:$PATH
export LIBRARY_PATH=$CUDA_KIT/link${LIBRARY_PATH:+:$LIBRARY_PATH}
export RUSTC_WRAPPER=$CUDA_KIT/rustc NVCC=$CUDA_KIT/nvcc
cargo "$command" --release --features cuda "$@"

# --- 4. nothing of CUDA may be needed to start ----------------------------------------------------
program=$CARGO_TARGET_DIR/release/reprise
if [[ $command == build && -f $program ]]; then
  needed=$(readelf -d "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | tr '\n' ' ')
  printf '%s: %s bytes, needs %s\n' "$program" "$(stat -c %s "$program")" "$needed" >&2
  if grep -qE 'lib(cuda|cudart|cublas|cublasLt|curand|nvrtc)\.so' <<<"$needed"; then
    echo "it is bound to CUDA libraries at link time and will not start without them" >&2
    exit 1
  fi
fi
