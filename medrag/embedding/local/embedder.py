"""Turn texts into L2-normalised vectors with MiniLM or another BERT-like sentence encoder."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from more_itertools import chunked
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ...config import Backend, Device, EmbedderConfig, Precision
from ...errors import ModelError
from ...manifest import file_sha256, fingerprint
from .choice import Choice, choose
from .conversion import FORMAT
from .encoders import Encoder, open_encoder
from .folder import PACKAGED_WEIGHTS, locate

Vectors = NDArray[np.float32]

# Tokens of a forward pass. On a CPU what it works on should stay in the caches (measured:
# docs/lab-log.md); a GPU wants work for all its cores. ONNX Runtime gets texts one by one, and a
# batch is what its threads share.
_BATCH_TOKENS = {Device.cpu: 2048, Device.cuda: 65536}
_SHARED_TOKENS = 16384
# Batches are padded to a multiple of it: OpenVINO keeps code for every shape that it has met, so
# the fewer there are, the flatter the memory (measured: docs/lab-log.md).
_WIDTH_STEP = 4
_POOLINGS = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}
# Of a model's configuration, what says nothing about its vectors.
_INERT = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version"}
# Families whose first position comes after the number of the padding token.
_COUNTED_FROM_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet")
# What a model may be made of, in sentence-transformers' terms.
_PARTS = ("Transformer", "Pooling", "Normalize")

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
        return locate(self._config.model)

    @cached_property
    def max_length(self) -> int:
        """The most tokens the model reads of a text, special tokens included."""
        # sentence-transformers kept it in its own file up to version 5, with the tokenizer since.
        limits = [
            self._read_json("sentence_bert_config.json").get("max_seq_length"),
            self._read_json("tokenizer_config.json").get("model_max_length"),
            self._positions(),
        ]
        return min(_whole(limit, self.folder) for limit in limits if limit)

    def _positions(self) -> int:
        """How many tokens the model has positions for."""
        config = self._read_json("config.json")
        positions = _whole(config.get("max_position_embeddings", 512), self.folder)
        if config.get("model_type") in _COUNTED_FROM_PADDING:
            return positions - 1 - _whole(config.get("pad_token_id", 1), self.folder)
        return positions

    @cached_property
    def dimension(self) -> int:
        """Length of a vector; 384 for MiniLM."""
        config = self._read_json("config.json")
        size = config.get("hidden_size", config.get("dim"))  # so DistilBERT calls it
        if size is None:
            raise ModelError(f"{self.folder} is no BERT-like model: its config has no hidden_size")
        return _whole(size, self.folder)

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the vector space: weights, what is made of them, pooling, length limit."""
        config = self._read_json("config.json")
        return fingerprint(
            {
                "weights": self._weights,
                "config": {name: v for name, v in config.items() if name not in _INERT},
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
        """The model's tokenizer, padding and truncation off; needs no model library.

        Raises:
            ModelError: its file is damaged.
        """
        path = self.folder / "tokenizer.json"
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing narrower
            raise ModelError(f"{path} cannot be read ({error}); fetch the model anew") from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    @property
    def space(self) -> str:
        """Tells apart vectors that may stand for one another from those that may not.

        Between precisions the fingerprint is the same: they are compared with each other, but kept
        apart where exactly the same numbers are expected.
        """
        return f"{self.fingerprint}-{self.chosen.precision.value}-{FORMAT}"

    @property
    def chosen(self) -> Choice:
        """What the model runs on, and why; it is loaded where only that tells.

        Raises:
            ModelError: it cannot be had as the configuration asks for.
        """
        loaded = "_encoder" in self.__dict__
        if loaded or self._planned.precision == Precision.int8:
            return self._encoder.chosen
        return self._planned

    @cached_property
    def _planned(self) -> Choice:
        return choose(self._config)

    def load(self) -> None:
        """Load the model now, which otherwise the first text does.

        Raises:
            ModelError: it cannot be loaded.
        """
        _ = self._encoder

    @property
    def max_tokens(self) -> int:
        """See `Embedder.max_tokens`."""
        return self.max_length

    def count_tokens(self, text: str) -> int:
        """See `Embedder.count_tokens`."""
        return len(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed_documents`."""
        return self.embed(texts)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed_queries`."""
        return self.embed(texts)

    def embed(self, texts: Sequence[str], advance: Callable[[int], None] | None = None) -> Vectors:
        """Embed texts.

        Args:
            texts: any number; each is cut to `max_length` tokens, and the cut ones are counted
                in `truncated`.
            advance: called after each forward pass with the number of its texts.

        Returns:
            float32 [n, dimension], each row of length 1, in the order given.

        Raises:
            ModelError: the model cannot be loaded.
        """
        encoded = self.tokenizer.encode_batch_fast(list(texts))
        return self.embed_ids([encoding.ids for encoding in encoded], advance)

    def embed_ids(
        self, rows: Sequence[Sequence[int]], advance: Callable[[int], None] | None = None
    ) -> Vectors:
        """Embed texts that are tokenized, special tokens included; otherwise as `embed`."""
        rows = self._cut(rows)
        vectors = np.empty((len(rows), self.dimension), dtype=np.float32)
        for batch in self._batches(rows):
            vectors[batch] = self._forward([rows[row] for row in batch])
            if advance:
                advance(len(batch))
        return vectors

    def _cut(self, rows: Sequence[Sequence[int]]) -> list[Sequence[int]]:
        limit = self.max_length
        cut = sum(len(row) > limit for row in rows)
        if cut and not self.truncated:
            _log.warning(
                "texts over %d tokens are embedded by their start only (%d in this call)",
                limit,
                cut,
            )
        self.truncated += cut
        # As the model's own truncation does: the last special token stays at the end.
        return [row if len(row) <= limit else [*row[: limit - 1], row[-1]] for row in rows]

    def _batches(self, rows: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Row numbers of each forward pass: longest first, so that padding stays small."""
        if not rows:
            return
        chosen = self.chosen
        shared = chosen.backend == Backend.onnxruntime
        budget = _SHARED_TOKENS if shared else _BATCH_TOKENS[chosen.device]
        budget = self._config.batch_tokens or budget
        batch: list[int] = []
        for row in sorted(range(len(rows)), key=lambda row: len(rows[row]), reverse=True):
            # The first of a batch is its longest.
            if batch and (len(batch) + 1) * self._width(rows[batch[0]]) > budget:
                yield batch
                batch = []
            batch.append(row)
        yield batch

    def _width(self, longest: Sequence[int]) -> int:
        """What a batch is padded to."""
        return min(-(-len(longest) // _WIDTH_STEP) * _WIDTH_STEP, self.max_length)

    def _forward(self, rows: Sequence[Sequence[int]]) -> Vectors:
        """One batch of token ids → vectors [n, dimension]."""
        ids = np.zeros((len(rows), self._width(max(rows, key=len))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        if (highest := int(ids.max())) >= self._known_tokens:
            raise ModelError(
                f"{self.folder}: its tokenizer gives token {highest}, and the model knows only "
                f"{self._known_tokens}; fetch the model anew"
            )
        return self._encoder.encode(ids, mask)

    @cached_property
    def _encoder(self) -> Encoder:
        return open_encoder(self.folder, self._pooling, self._weights, self._config)

    @cached_property
    def _known_tokens(self) -> int:
        size = self._read_json("config.json").get("vocab_size")
        return sys.maxsize if size is None else _whole(size, self.folder)

    @cached_property
    def _weights(self) -> str:
        """Hash of the weights; those of the package were hashed when they were located."""
        if not self._config.model and self.folder:
            return PACKAGED_WEIGHTS
        return file_sha256(self.folder / "model.safetensors")

    @cached_property
    def _pooling(self) -> str:
        """ "mean" or "cls", from the folder's own sentence-transformers configuration.

        Raises:
            ModelError: the model has another pooling, or more behind it.
        """
        parts = [str(part.get("type", "")).rpartition(".")[2] for part in self._modules()]
        if more := [part for part in parts if part not in _PARTS]:
            raise ModelError(f"{self.folder}: {', '.join(more)} layers are not supported")
        options = self._read_json("1_Pooling/config.json")
        # sentence-transformers writes a flag for each mode, or since version 6 the mode itself.
        flags = {n for n, on in options.items() if n.startswith("pooling_mode_") and on is True}
        modes = {_POOLINGS.get(flag, flag) for flag in flags}
        wanted = modes or {str(options.get("pooling_mode") or "mean")}
        if wanted not in ({"mean"}, {"cls"}):
            raise ModelError(
                f"{self.folder}: pooling by {' and '.join(sorted(wanted))} is not supported; mean "
                "and cls are"
            )
        return wanted.pop()

    def _modules(self) -> list[dict[str, Any]]:
        """The layers of a sentence-transformers model; none where a folder is a bare encoder."""
        content = self._load_json("modules.json")
        return [part for part in content if isinstance(part, dict)] if content else []

    def _read_json(self, name: str) -> dict[str, Any]:
        content = self._load_json(name)
        return content if isinstance(content, dict) else {}

    def _load_json(self, name: str) -> Any:
        path = self.folder / name
        try:
            return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} cannot be read ({error}); fetch the model anew") from error


def embed_chunks(
    texts: Iterable[str], embedder: TextEmbedder, window: int = 1024
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Embed a stream of texts in constant memory: (text, float32 [dimension]) in input order.

    A window of texts is sorted by length before it is cut into batches, so that padding is small.
    """
    for part in chunked(texts, window):
        yield from zip(part, embedder.embed(part), strict=True)


def _whole(value: Any, folder: Path) -> int:
    """A number of a model's configuration.

    Raises:
        ModelError: it is none, or below 0.
    """
    number = -1
    with suppress(TypeError, ValueError, OverflowError):
        number = int(value)
    if number < 0:
        raise ModelError(f"{folder}: its configuration says {value!r} where a size belongs")
    return number


# The tokenizer's threads do not outlive a fork: a child would wait for them for ever. Told nothing,
# the library warns at every fork.
if "TOKENIZERS_PARALLELISM" not in os.environ:
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    os.register_at_fork(
        after_in_child=partial(os.environ.__setitem__, "TOKENIZERS_PARALLELISM", "false")
    )
