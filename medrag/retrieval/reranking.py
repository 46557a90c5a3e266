"""Rerank hits with a cross-encoder, a model that reads a question and a passage together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from tokenizers import Tokenizer

from ..embedding.local import loaded_once
from ..embedding.local.folder import ModelFolder
from ..types import Hit
from .cross_encoder import Network, model_folder, open_network

READ = 20  # hits that the model reads; those behind them stay behind
# Of a logit, beside the score of a hit as a share of the best one's (measured: docs/lab-log.md).
_WEIGHT = 0.015
_MAX_TOKENS = 256  # of question and passage, as in training
_BATCH = 4  # pairs in a forward pass: their data fits in the caches
# Batches are padded to a multiple of this: OpenVINO keeps code for every shape.
_WIDTH_STEP = 16


class CrossEncoderReranker:
    """A `Reranker`: adds what a model makes of a passage to the score that it was found with.

    The model is loaded at the first question. Threads may share one.

    Args:
        model: "packaged"; or a folder or hub id of a sequence classification model with one logit,
            saved as safetensors.
    """

    def __init__(self, model: str) -> None:
        self._model = model

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """See `Reranker`; only the first 20 hits can change places.

        Raises:
            ModelError: the model cannot be found or loaded.
        """
        read, behind = hits[:READ], hits[READ:]
        if not read:
            return []
        texts = [passage_text(hit.title, hit.header, hit.text) for hit in read]
        # By the best score, because BM25 has another scale than a cosine.
        best = max(abs(read[0].score), 1e-9)
        scored = [
            replace(hit, score=hit.score / best + _WEIGHT * logit)
            for hit, logit in zip(read, self.logits(question, texts), strict=True)
        ]
        scored.sort(key=lambda hit: -hit.score)  # stable: equal scores keep their order
        last, lowest = read[-1].score, scored[-1].score
        scored += [replace(hit, score=lowest + (hit.score - last) / best) for hit in behind]
        return scored

    def logits(self, question: str, passages: Sequence[str]) -> list[float]:
        """For each passage, how well it answers the question: comparable within a question.

        Question and passage are cut to 256 tokens together, the longer one first.
        """
        pairs = self._tokenizer.encode_batch([(question, passage) for passage in passages])
        found = [0.0] * len(pairs)
        # Longest first, so that padding is small.
        order = sorted(range(len(pairs)), key=lambda pair: -len(pairs[pair].ids))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            width = -(-len(pairs[batch[0]].ids) // _WIDTH_STEP) * _WIDTH_STEP
            width = min(width, self._max_tokens)
            ids = np.zeros((len(batch), width), dtype=np.int64)
            mask = np.zeros_like(ids)
            for row, pair in enumerate(batch):
                length = len(pairs[pair].ids)
                ids[row, :length] = pairs[pair].ids
                mask[row, :length] = np.array(pairs[pair].type_ids) + 1
            for pair, logit in zip(batch, self._network.encode(ids, mask)[:, 0], strict=True):
                found[pair] = float(logit)
        return found

    @loaded_once
    def _files(self) -> ModelFolder:
        return model_folder(self._model)

    @property
    def _max_tokens(self) -> int:
        return min(_MAX_TOKENS, self._files.max_tokens)

    @loaded_once
    def _tokenizer(self) -> Tokenizer:
        tokenizer = self._files.open_tokenizer()
        tokenizer.enable_truncation(self._max_tokens)
        return tokenizer

    @loaded_once
    def _network(self) -> Network:
        return open_network(self._model)


def passage_text(title: str, header: str, text: str) -> str:
    """What a cross-encoder reads of a chunk: title, table header and text, as the embedder does."""
    return "\n".join(filter(None, (" ".join(title.split()), header, text)))
