#!/usr/bin/env bash
# Creates .venv and installs medrag with its development tools: `bash scripts/setup.sh [PYTHON]`.
#
# PyTorch comes first and apart: on Linux the plain package is a CUDA build of several GB, which a
# machine without an NVIDIA GPU has no use for. MEDRAG_TORCH overrides what is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

python="${1:-python3}"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setup: $python is older than Python 3.11; name another: make setup PYTHON=python3.11" >&2
    exit 2
}
[ -x .venv/bin/python ] || "$python" -m venv .venv
pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

torch="$(grep '^torch==' constraints.txt)"
installed() { .venv/bin/python -c "import torch" 2>/dev/null; }

if [ -n "${MEDRAG_TORCH:-}" ]; then
    pip install --quiet "$MEDRAG_TORCH"
elif ! installed; then
    if command -v nvidia-smi >/dev/null || [ "$(uname -sm)" != "Linux x86_64" ]; then
        pip install --quiet "$torch"
    # "+cpu" is a build of its own: found in a local wheel folder or mirror, never CUDA.
    elif ! pip install --quiet --only-binary :all: "$torch+cpu" 2>/dev/null; then
        # uv knows where PyTorch publishes its CPU builds.
        pip install --quiet uv
        .venv/bin/python -m uv pip install --quiet --python .venv/bin/python --torch-backend cpu "$torch" || {
            echo "setup: no CPU build of $torch can be reached. To take the CUDA build instead:" >&2
            echo "    make setup MEDRAG_TORCH='$torch'" >&2
            exit 2
        }
    fi
fi
pip install --quiet --constraint constraints.txt --editable '.[dev]'
echo "setup: done. Next: make demo"
