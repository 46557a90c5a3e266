"""Load a cross-encoder, and run it with OpenVINO, or with torch on a GPU.

    python -m medrag.retrieval.cross_encoder MODEL SETTING TARGET

converts a model for OpenVINO, in a process of its own: that takes torch, running the result does
not.
"""

from __future__ import annotations

import logging
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..config import Backend, Device, EmbedderConfig, Precision
from ..embedding.local.backends import Choice, OpenVinoEncoder, import_openvino
from ..embedding.local.conversion import kept
from ..embedding.local.encoders import choose
from ..embedding.local.folder import ModelFolder
from ..errors import ModelError
from ..manifest import file_sha256

if TYPE_CHECKING:
    import torch

PACKAGED = "packaged"

_CONVERTED = "reranker.xml"
_FORMAT = 2  # raise it when the conversion changes

_log = logging.getLogger(__name__)


class Use(NamedTuple):
    """What a cross-encoder is used for.

    Attributes:
        setting: the one that names the model; for errors.
        changes: low-rank changes to the packaged MiniLM, which make the packaged model of it.
        max_tokens: how much it reads of question and text together, as in training.
    """

    setting: str
    changes: Path
    max_tokens: int


# Made by scripts/train_reranker.py and scripts/train_reader.py.
RERANKER = Use("retriever.reranker", Path(__file__).with_name("reranker.safetensors"), 256)
READER = Use("grounding.reader", Path(__file__).with_name("reader.safetensors"), 160)
_USES = {use.setting: use for use in (RERANKER, READER)}


class Network(Protocol):
    """A loaded cross-encoder."""

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits [n, 1] of token ids [n, width].

        Args:
            mask: 1 for tokens of the question, 2 for those of the passage, 0 for padding.
        """


def model_folder(model: str, use: Use = RERANKER) -> ModelFolder:
    """The files of a cross-encoder: those of MiniLM for "packaged" and "".

    Raises:
        ModelError: they cannot be found.
    """
    return ModelFolder("" if model == PACKAGED else model, use.setting)


def open_network(model: str, use: Use = RERANKER) -> Network:
    """Load a cross-encoder for this machine, like the embedder with its settings on `auto`.

    Args:
        model: "packaged"; a folder or hub id.

    Raises:
        ModelError: it cannot be found or loaded.
    """
    choice = choose(EmbedderConfig())
    if choice.device == Device.cuda:
        return _TorchNetwork(model, use, choice)
    if choice.precision != Precision.bf16:
        choice = replace(choice, precision=Precision.fp32)
    choice = replace(choice, backend=Backend.openvino)
    files = model_folder(model, use)
    settings = {
        "weights": files.weights,
        "config": file_sha256(files.path / "config.json"),
        "changes": file_sha256(use.changes) if model == PACKAGED else "",
        "format": _FORMAT,
    }
    place = model if model == PACKAGED else str(files.path)
    arguments = [__name__, place, use.setting, "TARGET"]
    try:
        folder = kept(files.path, Backend.openvino, settings, arguments, [_CONVERTED])
        return OpenVinoEncoder(folder / _CONVERTED, choice)
    except ModelError as error:
        network = _TorchNetwork(model, use, replace(choice, precision=Precision.fp32))
        _log.warning("%s; running it with torch, which is slower on a CPU", error)
        return network


class _TorchNetwork:
    """A `Network` for a GPU, or where OpenVINO cannot run it."""

    def __init__(self, model: str, use: Use, choice: Choice) -> None:
        import torch

        dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
        network, _ = load_cross_encoder(model, use)
        self._network = network.to(choice.device.value, dtypes[choice.precision])

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        import torch

        on_device = [torch.from_numpy(values).to(self._network.device) for values in (ids, mask)]
        with torch.inference_mode():
            logits: NDArray[np.float32] = _logits(self._network, *on_device).cpu().numpy()
        return logits


def load_cross_encoder(model: str, use: Use = RERANKER) -> tuple[Any, Any]:
    """A transformers model for sequence classification with one logit, in fp32, and its tokenizer.

    Args:
        model: "packaged"; a folder or hub id; "" for MiniLM with a head that is yet to be trained.

    Raises:
        ModelError: it cannot be found or loaded, or is no such model.
    """
    import transformers

    transformers.utils.logging.disable_progress_bar()
    verbosity = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()  # MiniLM lacks a head, as is meant
    folder = model_folder(model, use).path
    is_minilm = model in ("", PACKAGED)
    options = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **options)
        network, found = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder,
            dtype="float32",
            use_safetensors=True,
            output_loading_info=True,
            **({"num_labels": 1} if is_minilm else {}),
            **options,
        )
    except Exception as error:  # a folder may be wrong in any way
        reason = textwrap.shorten(str(error), 300, placeholder=" …")
        raise ModelError(f"{use.setting}: {folder} cannot be loaded: {reason}") from error
    finally:
        transformers.utils.logging.set_verbosity(verbosity)
    if not is_minilm and (found["missing_keys"] or network.config.num_labels != 1):
        raise ModelError(
            f"{use.setting}: {folder} is no sequence classification model with one logit; train "
            "one with python -m medrag.train +experiment=reranker"
        )
    if model == PACKAGED:
        _merge(network, use.changes)
    return network.eval(), tokenizer


def _merge(network: Any, file: Path) -> None:
    """Add the packaged changes to the weights, W + scale·B·A (Hu et al. 2021, arXiv:2106.09685).

    The head has no changes: it is there as a whole.
    """
    from safetensors import safe_open

    with safe_open(file, "pt") as stored:
        scale = float(stored.metadata()["scale"])
        changes = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
    for name, change in changes.items():
        place, _, kind = name.rpartition(".")
        layer = network.get_submodule(place)
        if kind == "A":
            layer.weight.data += scale * (changes[f"{place}.B"] @ change)
        elif kind != "B":
            getattr(layer, kind).data.copy_(change)


def _logits(network: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    inputs = {"input_ids": ids, "attention_mask": (mask > 0).long()}
    if getattr(network.config, "type_vocab_size", 0) > 1:
        inputs["token_type_ids"] = (mask > 1).long()
    logits: torch.Tensor = network(**inputs).logits.float()
    return logits


# --- in the other process ---------------------------------------------------------------------


def main(model: str, setting: str, target: str) -> None:
    """Write the converted model into the folder `target`."""
    import torch

    class Whole(torch.nn.Module):  # type: ignore[misc]  # torch is not followed
        def __init__(self) -> None:
            super().__init__()
            self.network, _ = load_cross_encoder(model, _USES[setting])

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return _logits(self.network, ids, mask)

    openvino = import_openvino()
    ids = torch.ones((2, 16), dtype=torch.long)
    mask = torch.tensor([[1] * 8 + [2] * 8, [1] * 6 + [2] * 8 + [0] * 2])
    whole = openvino.convert_model(Whole(), example_input={"ids": ids, "mask": mask})
    openvino.save_model(whole, Path(target) / _CONVERTED, compress_to_fp16=False)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:  # of any kind: the user sees the last line
        reason = textwrap.shorten(str(error), 300, placeholder=" …")
        sys.exit(f"{type(error).__name__}: {reason}")
