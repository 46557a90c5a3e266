"""Run an encoder with torch: on a GPU, and on a CPU what OpenVINO cannot run."""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...config import Precision
from ...errors import ModelError
from .choosing import Choice

if TYPE_CHECKING:
    import torch


class TorchEncoder:
    """A transformers model with pooling and normalisation behind it (see `Encoder`)."""

    def __init__(self, folder: Path, pooling: str, chosen: Choice) -> None:
        import torch

        self.chosen = chosen
        self._pooling = pooling
        dtypes = {
            Precision.fp32: torch.float32,
            Precision.bf16: torch.bfloat16,
            Precision.fp16: torch.float16,
        }
        self._model = load_model(folder, dtypes[chosen.precision]).to(chosen.device.value)
        self._process = os.getpid()

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Encoder.encode`."""
        import torch

        if self._model.device.type == "cuda" and self._process != os.getpid():
            raise ModelError(
                "the embedder was loaded on a GPU before this process was forked, and CUDA cannot "
                "be used after a fork; start processes with the method 'spawn'"
            )
        device = self._model.device
        with torch.inference_mode():
            vectors = pooled(
                self._model,
                self._pooling,
                torch.from_numpy(ids).to(device),
                torch.from_numpy(mask).to(device),
            )
        result: NDArray[np.float32] = vectors.cpu().numpy()
        return result


def _use_one_thread() -> None:
    """In a forked process: OpenMP's threads did not come along, and a loop would wait for them."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


os.register_at_fork(after_in_child=_use_one_thread)


def load_model(folder: Path, dtype: torch.dtype) -> Any:
    """The transformers model in a folder, for inference.

    Raises:
        ModelError: it is no encoder, or not a whole one.
    """
    import transformers

    transformers.utils.logging.disable_progress_bar()  # it loads in a second
    try:
        model, found = transformers.AutoModel.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except Exception as error:  # there is no end to what may be wrong with a folder
        reason = textwrap.shorten(str(error), 300, placeholder=" …")
        raise ModelError(f"{folder} cannot be loaded as an encoder: {reason}") from error
    # Random numbers stand for what is missing. Nobody here asks for the pooler.
    missing = [name for name in found["missing_keys"] if not name.startswith("pooler.")]
    if missing:
        raise ModelError(
            f"{folder} lacks {len(missing)} weights of the encoder ({min(missing)}, for one); "
            "fetch the model anew"
        )
    return model.eval()


def pooled(model: Any, pooling: str, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """One forward pass with pooling: L2-normalised float32 [n, dimension]."""
    import torch

    states = model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    if pooling == "cls":
        vectors = states[:, 0]
    else:
        weights = mask.unsqueeze(-1).float()
        vectors = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
    return torch.nn.functional.normalize(vectors, dim=1)
