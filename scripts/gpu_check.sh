#!/usr/bin/env bash
# Check a GPU machine, also one without a network: the QLoRA benchmark, then the tests marked `gpu`.
#
#   scripts/gpu_check.sh OUT [WHEELS] [options of bench_qlora.py]
#
# OUT gets qlora.json, qlora.log, qlora.stderr and pytest.log. WHEELS is a folder of the wheels that
# the machine's python3 lacks; they are installed into a temporary folder. Without a GPU, give
# --tiny; the tests are then skipped.
set -uo pipefail
out="$(realpath -m "${1:?usage: scripts/gpu_check.sh OUT [WHEELS] [options]}")"
shift
mkdir -p "$out"
site="$(mktemp -d)"
trap 'rm -rf "$site"' EXIT
if [[ -d "${1:-}" ]]; then
    python3 -m pip install --quiet --no-index --no-deps --no-compile --target "$site" "$1"/*.whl || exit
    shift
fi
cd "$(dirname "$0")/.." || exit
export PYTHONPATH="$site:$PWD" PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
status=0
python3 scripts/bench_qlora.py --out "$out/qlora.json" "$@" 2>"$out/qlora.stderr" |
    tee "$out/qlora.log" || status=1
# Only the files with such tests: others import packages that only an index needs.
mapfile -t files < <(grep -rl --include='test_*.py' 'mark\.gpu' tests)
python3 -m pytest -m gpu "${files[@]}" 2>&1 | tee "$out/pytest.log" || status=1
exit "$status"
