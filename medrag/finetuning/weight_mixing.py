"""Mix the weights of a tuned encoder with those it started from, and keep the best mix.

Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", arXiv:2109.01903.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..embedding.cache import Vectors
from ..hardware import cpu_has_bf16, release_memory
from ..progress import progress
from ..stores import Vector
from .held_out_ranking import HeldOutRanking

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the tuned weights
AS_GOOD = 0.005  # of the mean nDCG@10
AT_ONCE = 8  # texts, on a CPU: more are slower and take more memory
_AT_ONCE_ON_GPU = 128
NO_LOSS = 0.003  # of nDCG@10; one of a hundred questions that falls from place 1 to 2 costs 0.0037


@dataclass(frozen=True, slots=True)
class Mix:
    """What the mixes rank like.

    Attributes:
        share: of the tuned weights in the best mix; 0 if none is better than the base.
        curve: for each of `SHARES` the mean nDCG@10 of each set of questions.
    """

    share: float
    curve: Sequence[Mapping[str, float]]


class Prompts(NamedTuple):
    """What goes before a question and before a passage; see `ModelFolder`."""

    query: str
    document: str


class Encoder:
    """A sentence encoder whose weights can be mixed.

    Args:
        model: a `SentenceTransformer`.
        base: the weights it started from, by name.
    """

    def __init__(self, model: Any, base: Mapping[str, Any], prompts: Prompts) -> None:
        self._model = model
        self._prompts = prompts
        self._base = base
        self._tuned = {name: one.detach().clone() for name, one in model.state_dict().items()}
        self._known: dict[str, Vector] = {}  # passages that several sets of questions share

    def mix(self, share: float) -> None:
        """Set the weights to `share` of the tuned ones and the rest of the base's."""
        mixed = {
            name: one if not one.is_floating_point() else self._base[name].lerp(one, share)
            for name, one in self._tuned.items()
        }
        self._model.load_state_dict(mixed)
        self._known.clear()

    def ndcg(self, ranking: HeldOutRanking) -> dict[str, float]:
        """See `HeldOutRanking.ndcg`."""
        embed = self._embedding(self._prompts.document)

        def passages(texts: Sequence[str]) -> Vectors:
            new = [text for text in texts if text not in self._known]
            if new:
                self._known.update(zip(new, embed(new), strict=True))
            return np.stack([self._known[text] for text in texts])

        return ranking.ndcg(self._embedding(self._prompts.query), passages)

    def _embedding(self, prompt: str) -> Callable[[Sequence[str]], Vectors]:
        import torch

        device = self._model.device.type
        bf16 = device == "cuda" or cpu_has_bf16()

        def embed(texts: Sequence[str]) -> Vectors:
            self._model.eval()
            with torch.autocast(device, torch.bfloat16) if bf16 else nullcontext():
                found = self._model.encode(
                    [prompt + text for text in texts],
                    prompt="",
                    batch_size=_AT_ONCE_ON_GPU if device == "cuda" else AT_ONCE,
                    normalize_embeddings=True,
                    convert_to_tensor=True,
                    show_progress_bar=False,
                )
            vectors: Vectors = found.float().cpu().numpy()
            return vectors

        return embed


def choose_mix(encoder: Encoder, sets: Mapping[str, HeldOutRanking]) -> Mix:
    """Measure all mixes, and leave the encoder with the best one.

    It has the highest mean over the sets, each of which counts the same, among those that lose on
    none of them. Of mixes that are nearly as good, it is the one nearest to the base.

    Args:
        sets: held-out questions, by name.
    """
    curve: list[dict[str, float]] = []
    with progress("mixing", len(SHARES), "mixes") as advance:
        for share in SHARES:
            encoder.mix(share)
            means = {
                name: float(np.mean([*encoder.ndcg(ranking).values()]))
                for name, ranking in sets.items()
            }
            curve.append({"share": share, **means})
            release_memory()
            advance(1)
    base = curve[0]
    loses_nowhere = [
        point for point in curve if all(point[name] >= base[name] - NO_LOSS for name in sets)
    ]
    mean = {point["share"]: sum(point[name] for name in sets) / len(sets) for point in curve}
    highest = max(mean[point["share"]] for point in loses_nowhere)
    # What is as good within the error forgets less the nearer it is to the base.
    best = next(p for p in loses_nowhere if mean[p["share"]] >= highest - AS_GOOD)
    encoder.mix(best["share"])
    return Mix(best["share"], curve)
