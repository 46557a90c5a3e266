"""Learn from questions how an index fuses vectors and words: one half to fit, one half to test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import Config, RetrieverMode
from ..dataset.questions import DocumentNames, questions_hash
from ..embedding import open_embedder
from ..errors import ConfigError
from ..metrics import retrieval_measures
from ..progress import Advance, progress
from ..retrieval import Retriever, check_question
from ..retrieval.fusion import Candidates, Fusion, best_first, fuse
from ..stores import FusionRecord, Vector, check_embedder, open_index, open_store
from ..types import Example

# What is tried, with the default among it.
_DENSE_WEIGHTS = (0.85, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_FEEDBACKS = (0.4, 0.0, 0.2, 0.6)
_RARE_WORDS = (0.03, 0.0, 0.06, 0.1)
_LEAST = 20  # questions in each half
_MOST = 500  # questions in each half; their candidates are kept in memory, 150 kB each


@dataclass(frozen=True)
class Tuning:
    """What was learned, and what it gains on the half that it was not fitted on.

    Attributes:
        fusion: what the index uses from now on.
        best: the best one on the questions that it was fitted on.
        is_kept: whether that is `best`, because it is surely better on the others.
        before, after: mean nDCG@10 of the default and of `best` on the others, 0..1.
        fitted, tested: how many questions.
    """

    fusion: Fusion
    best: Fusion
    is_kept: bool
    before: float
    after: float
    fitted: int
    tested: int

    def summary(self) -> dict[str, Any]:
        """As it is written to `metrics.json`."""
        return {**asdict(self), "told": self.line()}

    def line(self) -> str:
        """For the terminal."""
        best = self.best
        what = (
            f"dense_weight={best.dense_weight:g}, feedback={best.feedback:g}, "
            f"rare_word={best.rare_word:g}"
        )
        gain = f"nDCG@10 {100 * self.before:.1f} → {100 * self.after:.1f} on {self.tested} others"
        if self.is_kept:
            return f"fusion learned from {self.fitted} questions: {what}; {gain}"
        return f"fusion stays as it is: the best on {self.fitted} questions ({what}) gives {gain}"


@dataclass(frozen=True)
class _Asked:
    """A question with what was found for it."""

    found: Candidates
    vectors: Mapping[int, Vector]
    documents: Mapping[int, str]  # of each candidate
    gold: Sequence[str]

    def ndcg(self, fusion: Fusion) -> float:
        scores = fuse(fusion, self.found, lambda ids: {id_: self.vectors[id_] for id_ in ids})
        ranked = list(dict.fromkeys(self.documents[chunk] for chunk in best_first(scores)))
        return retrieval_measures(ranked, self.gold, [1])["ndcg@10"]


def tune_fusion(config: Config, fitted: Sequence[Example], tested: Sequence[Example]) -> Tuning:
    """Fit the fusion of an index on some questions, and keep it there if it gains on others.

    It gains if the 95 % interval of the mean difference lies above 0. Otherwise the index goes back
    to the default. Questions whose documents are unknown are passed over.

    Raises:
        ConfigError: too few questions are left, or no vectors are fused with words.
        BusyError: another process is building the index.
    """
    if config.retriever.mode != RetrieverMode.hybrid:
        raise ConfigError(
            f"evaluation.tune_fusion needs retriever.mode=hybrid, not {config.retriever.mode}"
        )
    embedder = open_embedder(config.embedder)
    with open_index(config.index) as index:
        check_embedder(index, embedder)
        retriever = Retriever(index, embedder, config.retriever)
        names = DocumentNames(index)
        halves = [_with_documents(half, names) for half in (fitted, tested)]
        fewest = min(map(len, halves))
        if fewest < _LEAST:
            raise ConfigError(
                f"evaluation.tune_fusion: a half has {fewest} questions whose documents are known, "
                f"and {_LEAST} are needed; give more questions"
            )
        with progress("searching", sum(map(len, halves)), "questions") as advance:
            fit, test = (
                [_ask(retriever, config, example, gold, advance) for example, gold in half]
                for half in halves
            )
    tried = [Fusion(*some) for some in product(_DENSE_WEIGHTS, _FEEDBACKS, _RARE_WORDS)]
    with progress("tuning fusion", len(tried), "settings") as advance:
        means = [_ndcg(fit, fusion, advance).mean() for fusion in tried]
    default, best = Fusion(), tried[int(np.argmax(means))]  # the first of equal ones
    before, after = _ndcg(test, default), _ndcg(test, best)
    gain = after - before
    least = gain.mean() - 1.96 * gain.std(ddof=1) / np.sqrt(len(gain))
    made = Tuning(
        fusion=best if least > 0 else default,
        best=best,
        is_kept=bool(least > 0),
        before=float(before.mean()),
        after=float(after.mean()),
        fitted=len(fit),
        tested=len(test),
    )
    open_store(config.index).keep_fusion(_record(config, made) if made.is_kept else None)
    return made


def _with_documents(
    examples: Sequence[Example], names: DocumentNames
) -> list[tuple[Example, list[str]]]:
    """At most 500 of the questions, drawn by a hash of their ids, with their documents."""
    found = [(one, gold) for one in examples if (gold := names.resolve(one.documents))]

    def place(one: tuple[Example, list[str]]) -> str:
        return sha256(one[0].id.encode("utf-8", "replace")).hexdigest()

    return sorted(found, key=place)[:_MOST]


def _ask(
    retriever: Retriever, config: Config, example: Example, gold: Sequence[str], advance: Advance
) -> _Asked:
    depth = min(max(10, config.retriever.candidates), retriever.index.counts.chunks)
    found = retriever.candidates(check_question(example.question), depth)
    chunks = list(found.similarity)
    hits = retriever.index.hits(chunks)
    advance(1)
    documents = {chunk: hit.document for chunk, hit in hits.items()}
    return _Asked(found, retriever.vectors(chunks), documents, gold)


def _ndcg(
    asked: Sequence[_Asked], fusion: Fusion, advance: Advance = lambda _: None
) -> NDArray[np.float64]:
    """nDCG@10 of each question."""
    advance(1)
    return np.array([one.ndcg(fusion) for one in asked])


def _record(config: Config, tuning: Tuning) -> FusionRecord:
    evaluation = config.evaluation
    questions = evaluation.benchmark or evaluation.questions
    return FusionRecord(
        **asdict(tuning.best),
        fitted_on={
            "questions": Path(questions).name,
            "fingerprint": questions_hash(questions),
            "fitted": tuning.fitted,
            "tested": tuning.tested,
            "ndcg@10_before": round(tuning.before, 4),
            "ndcg@10": round(tuning.after, 4),
        },
    )
