#!/usr/bin/env bash
# One command for a person with an NVIDIA GPU: is everything that needs one right, and how fast is it?
#
#   bench/gpu_check.sh [--quick]
#
# Installs nothing; the last lines say PASS or FAIL, and the exit code is 0 only for PASS. Plans go to a folder
# of its own. Needs an environment with `pip install -e '.[gpu,dev]'` (or [tensorrt,dev]); torch makes the floors and
# the comparison with torch.compile. PYTHON names another interpreter than the checkout's.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
[ -x "$(command -v "$python")" ] || { echo "FAIL: no $python; create it with: make test, or set PYTHON"; exit 1; }
sizes=720p,1080p,4k; batches=1,8,32; seconds=1
[ "${1:-}" = --quick ] && { sizes=720p; batches=1,8; seconds=0.3; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export QC_CACHE_DIR="$work/cache" QC_REQUIRE_GPU=1 PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
failed=()
step() {  # step NAME COMMAND...
    echo; echo "== $1"; local name=$1; shift
    "$@" || failed+=("$name")
}
verdict() {  # a command whose exit code 0, 10 or 11 is an asset's verdict
    "$@"; case $? in 0 | 10 | 11) return 0 ;; *) return 1 ;; esac
}

echo "== machine"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>&1 || true
# doctor fails for other reasons than the GPU; a GPU that cannot be used is caught by the next steps
"$python" -m qc_plugin doctor 2>&1 | grep -i -E 'gpu|backend' || true

if ! reason=$("$python" -c 'import sys; from qc_plugin.inference.tensorrt import gpu; sys.exit(gpu.gpu_missing())' 2>&1); then
    echo "FAIL: ${reason##*$'\n'}"
    exit 1
fi

step "plans for this GPU" "$python" -m qc_plugin engines build --precision fp16 --profile analysis,720p
step "int8 plan of the segmenter" "$python" -m qc_plugin engines build motion_blur --precision int8
step "tests that need a GPU" "$python" -m pytest -m gpu -p no:cacheprovider tests/conformance
step "check, on the GPU" verdict env QC_GPU_LOST=stop "$python" -m qc_plugin check qc_plugin/samples/cups.mp4 \
    --backend tensorrt --reports "$work/gpu"
step "check, on the CPU" verdict "$python" -m qc_plugin check qc_plugin/samples/cups.mp4 \
    --backend openvino --reports "$work/cpu"
step "the same findings on both" "$python" bench/compare_reports.py "$work/gpu" "$work/cpu"
step "frames a second" "$python" bench/backends.py --sizes "$sizes" --batches "$batches" --seconds "$seconds" \
    --json "${QC_BENCH_JSON:-$work/backends.json}"

echo
if [ ${#failed[@]} -gt 0 ]; then
    printf 'FAIL: %s\n' "${failed[@]}"
    exit 1
fi
echo "PASS: all that needs a GPU runs on this one; see docs/gpu.md for the speed it should have"
