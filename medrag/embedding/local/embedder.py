"""Embed texts on this machine, with MiniLM or another BERT-like sentence encoder."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from ...config import Backend, Device, EmbedderConfig, Precision
from ...errors import ModelError
from ..cache import Vectors
from . import loaded_once
from .backends import Choice
from .conversion import FORMAT
from .encoders import Encoder, choose, open_encoder
from .folder import ModelFolder

# Tokens in a forward pass. On a CPU its data should fit in the caches (measured: docs/lab-log.md);
# a GPU needs work for all its cores. ONNX Runtime gets the texts of a batch one by one, and its
# threads share the batch.
_BATCH_TOKENS = {Device.cpu: 2048, Device.cuda: 65536}
_SHARED_TOKENS = 16384
# Batches are padded to a multiple of this. OpenVINO keeps code for every shape, so fewer shapes
# take less memory (measured: docs/lab-log.md).
_WIDTH_STEP = 4

_log = logging.getLogger(__name__)


class TextEmbedder:
    """An `Embedder` on this machine; also a `TokenEmbedder` and `Accountable`.

    The model is loaded on first use. Threads may share one, and it works in a forked process.
    """

    def __init__(self, config: EmbedderConfig | None = None) -> None:
        self._config = config or EmbedderConfig()
        self.truncated = 0
        self.billed_tokens = 0

    @property
    def name(self) -> str:
        return self._config.model or "all-MiniLM-L6-v2 (packaged)"

    @property
    def folder(self) -> Path:
        """The folder of the model's files; a hub id is downloaded.

        Raises:
            ModelError: the model cannot be found, or the packaged weights were altered.
        """
        return self._files.path

    @property
    def dimension(self) -> int:
        """See `Embedder.dimension`; 384 for MiniLM."""
        return self._files.dimension

    @property
    def max_tokens(self) -> int:
        """See `Embedder.max_tokens`; 256 for MiniLM."""
        return self._files.max_tokens

    @property
    def fingerprint(self) -> str:
        return self._files.fingerprint

    @property
    def space(self) -> str:
        """See `Embedder.space`: the fingerprint does not depend on the precision, this does."""
        return f"{self.fingerprint}-{self.precision()}-{FORMAT}"

    @property
    def tokenizer_file(self) -> Path:
        return self._files.tokenizer_file

    @property
    def document_prompt(self) -> str:
        return self._files.document_prompt

    @loaded_once
    def tokenizer(self) -> Tokenizer:
        """See `TokenSource`; loading it needs no model library.

        Raises:
            ModelError: its file is damaged.
        """
        return self._files.open_tokenizer()

    @property
    def chosen(self) -> Choice:
        """How the model runs, and why; the model is loaded if only that tells.

        Raises:
            ModelError: it cannot run as the configuration asks.
        """
        loaded = "_encoder" in self.__dict__
        if loaded or self._planned.precision == Precision.int8:  # int8 may fall back to fp32
            return self._encoder.chosen
        return self._planned

    def runs_on(self) -> str:
        return str(self.chosen)

    def precision(self) -> str:
        return self.chosen.precision.value

    def load(self) -> None:
        """See `Accountable`.

        Raises:
            ModelError: it cannot be loaded.
        """
        _ = self._encoder

    def count_tokens(self, text: str) -> int:
        return len(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`; the model's document prompt, if any, goes before each text."""
        return self.embed([self.document_prompt + text for text in texts])

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`; the model's query prompt, if any, goes before each text."""
        return self.embed([self._files.query_prompt + text for text in texts])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as they are, without a prompt.

        Args:
            texts: any number; each is cut to `max_tokens` tokens, and `truncated` counts the cuts.

        Returns:
            float32 [n, dimension], each row of length 1, in the order given.

        Raises:
            ModelError: the model cannot be loaded.
        """
        encoded = self.tokenizer.encode_batch_fast(list(texts))
        return self.embed_ids([encoding.ids for encoding in encoded])

    def embed_ids(self, rows: Sequence[Sequence[int]]) -> Vectors:
        """Like `embed`, from token ids, special tokens included."""
        rows = self._cut(rows)
        vectors = np.empty((len(rows), self.dimension), dtype=np.float32)
        for batch in self._batches(rows):
            vectors[batch] = self._forward([rows[row] for row in batch])
        return vectors

    def _cut(self, rows: Sequence[Sequence[int]]) -> list[Sequence[int]]:
        limit = self.max_tokens
        cut = sum(len(row) > limit for row in rows)
        if cut and not self.truncated:
            _log.warning(
                "only the start of texts over %d tokens is embedded (%d in this call)", limit, cut
            )
        self.truncated += cut
        # Like the model's own truncation: the last special token stays at the end.
        return [row if len(row) <= limit else [*row[: limit - 1], row[-1]] for row in rows]

    def _batches(self, rows: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Row numbers of each forward pass, longest rows first, so that padding is small."""
        if not rows:
            return
        chosen = self.chosen
        shared = chosen.backend == Backend.onnxruntime
        budget = _SHARED_TOKENS if shared else _BATCH_TOKENS[chosen.device]
        budget = self._config.batch_tokens or budget
        batch: list[int] = []
        for row in sorted(range(len(rows)), key=lambda row: len(rows[row]), reverse=True):
            # The first row of a batch is its longest.
            if batch and (len(batch) + 1) * self._width(rows[batch[0]]) > budget:
                yield batch
                batch = []
            batch.append(row)
        yield batch

    def _width(self, longest: Sequence[int]) -> int:
        """The number of tokens that a batch is padded to."""
        return min(-(-len(longest) // _WIDTH_STEP) * _WIDTH_STEP, self.max_tokens)

    def _forward(self, rows: Sequence[Sequence[int]]) -> Vectors:
        """One batch of token ids → vectors [n, dimension]."""
        ids = np.zeros((len(rows), self._width(max(rows, key=len))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        known = self._files.vocabulary
        if known is not None and (highest := int(ids.max())) >= known:
            raise ModelError(
                f"{self.folder}: its tokenizer gives token {highest}, and the model knows only "
                f"{known}; download the model again"
            )
        return self._encoder.encode(ids, mask)

    @loaded_once
    def _files(self) -> ModelFolder:
        return ModelFolder(self._config.model)

    @loaded_once
    def _planned(self) -> Choice:
        return choose(self._config)

    @loaded_once
    def _encoder(self) -> Encoder:
        return open_encoder(self._files, self._config)
