#!/usr/bin/env bash
# Creates .venv and installs medrag with its development tools: `bash scripts/setup.sh [PYTHON]`.
#
# PyTorch is installed first: on Linux its plain package is a CUDA build of several GB, which is
# useless without an NVIDIA GPU. MEDRAG_TORCH names another torch to install.
set -euo pipefail
cd "$(dirname "$0")/.."

python="${1:-python3}"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setup: $python is older than Python 3.11; choose another: make setup PYTHON=python3.11" >&2
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
    # A "+cpu" build may be in a local wheel folder or mirror; it is never CUDA.
    elif ! pip install --quiet --only-binary :all: "$torch+cpu" 2>/dev/null; then
        # uv knows where PyTorch publishes its CPU builds.
        pip install --quiet uv
        .venv/bin/python -m uv pip install --quiet --python .venv/bin/python --torch-backend cpu "$torch" || {
            echo "setup: no CPU build of $torch can be reached. To install the CUDA build instead:" >&2
            echo "    make setup MEDRAG_TORCH='$torch'" >&2
            exit 2
        }
    fi
fi
pip install --quiet --constraint constraints.txt --editable '.[dev]'
echo "setup: done. Next: make demo"
