"""Score pairs of a question and a text with a cross-encoder, in batches of similar length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer

from ..embedding.local import loaded_once
from ..embedding.local.folder import ModelFolder
from .cross_encoder import Network, Use, model_folder, open_network

_BATCH = 4  # pairs in a forward pass: their data fits in the caches
# Batches are padded to a multiple of this: OpenVINO keeps code for every shape.
_WIDTH_STEP = 16


class CrossEncoder:
    """A model that reads a question and a text together; it is loaded at the first pair.

    Threads may share one.

    Args:
        model: "packaged"; or a folder or hub id of a sequence classification model with one logit,
            saved as safetensors.
    """

    def __init__(self, model: str, use: Use) -> None:
        self._model = model
        self._use = use

    def logits(self, question: str, texts: Sequence[str]) -> list[float]:
        """For each text, how well it answers the question.

        Question and text are cut to the tokens that the model reads, the longer one first.

        Raises:
            ModelError: the model cannot be found or loaded.
        """
        pairs = self._tokenizer.encode_batch([(question, text) for text in texts])
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
        return model_folder(self._model, self._use)

    @property
    def _max_tokens(self) -> int:
        return min(self._use.max_tokens, self._files.max_tokens)

    @loaded_once
    def _tokenizer(self) -> Tokenizer:
        tokenizer = self._files.open_tokenizer()
        tokenizer.enable_truncation(self._max_tokens)
        return tokenizer

    @loaded_once
    def _network(self) -> Network:
        return open_network(self._model, self._use)
