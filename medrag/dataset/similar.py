"""Find questions that are nearly the same, and texts that share words with an evaluation set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Self

from ..config import DatasetFieldsConfig
from ..text.cleaning import clean_text
from ..text.duplicates import heading_said
from ..text.near_duplicates import Gist
from ..text.word_runs import WordRuns
from ..text.words import STOPWORDS
from . import question_key
from .questions import read_questions

# Words whose absence changes no question. Every other one may: "not", "with", "before", "how".
_WEIGHTLESS = frozenset(
    """
    a an any are at be been being did do does for had has have in is it its of on please some
    that the there these this those was were
    """.split()  # noqa: SIM905
)
_LETTERS = 4  # of a shingle
_PERMUTATIONS = 64
_SEED = 1
_LEAST, _MOST = 0.1, 0.95  # thresholds for which bands can be laid out
_SHARED = 8  # words in a row that two texts share only if one has been copied


def near_duplicates(texts: Iterable[str], threshold: float) -> list[int]:
    """For each question, the position of the first one that it nearly repeats, or its own.

    Two questions are nearly the same if their letters are (Jaccard similarity of overlapping runs
    of 4 letters, `threshold` or more), and nothing differs but case, punctuation, plurals, words
    without weight such as "the", and typing errors. So questions with another number, sign, drug or
    negation never are, nor paraphrases. Each one is compared with those that repeat no other.

    Candidates are found with MinHash and LSH: Broder 1997, "On the resemblance and containment of
    documents"; Leskovec et al., "Mining of Massive Datasets", chapter 3. The result does not depend
    on chance: hashes and permutations are fixed.

    Args:
        threshold: 0..1; with 1, only words without weight and plurals may differ.
    """
    from datasketch import MinHash, MinHashLSH
    from xxhash import xxh32_intdigest

    laid_out_for = min(max(threshold, _LEAST), _MOST)
    lsh = MinHashLSH(laid_out_for, num_perm=_PERMUTATIONS, weights=(0.1, 0.9))
    empty = MinHash(_PERMUTATIONS, seed=_SEED, hashfunc=xxh32_intdigest)
    firsts: list[int] = []
    same: dict[tuple[str, ...], int] = {}
    kept: dict[int, tuple[str, list[str]]] = {}  # by position: what counts, and the signs
    for position, text in enumerate(texts):
        counts, signs = _what_counts(text)
        first = same.setdefault((counts, *signs), position)
        if first == position:
            shingles = _shingles(counts)
            sketch = empty.copy()
            sketch.update_batch([shingle.encode() for shingle in shingles])
            gist = Gist(counts)
            for other in sorted(lsh.query(sketch)):
                other_counts, other_signs = kept[other]
                if (
                    signs == other_signs
                    and _jaccard(shingles, _shingles(other_counts)) >= threshold
                    and gist.is_same(Gist(other_counts))
                ):
                    first = same[(counts, *signs)] = other
                    break
            else:
                lsh.insert(position, sketch, check_duplication=False)
                kept[position] = counts, signs
        firsts.append(first)
    return firsts


def _what_counts(text: str) -> tuple[str, list[str]]:
    """The words that count, in order and singular, and the signs: "<", "%", "her2-"."""
    words = question_key(text).split()
    counts = [
        _singular(word)
        for before, word in pairwise(["", *words])
        # "Hepatitis A" is not "hepatitis", but "for a child" is "for child".
        if word not in _WEIGHTLESS or (word == "a" and before and before not in STOPWORDS)
    ]
    signs = [
        token
        for token in heading_said(clean_text(text))
        if token.strip("-") != token or not (token == "?" or any(map(str.isalnum, token)))
    ]
    return " ".join(counts), signs


def _singular(word: str) -> str:
    """A word without its plural ending; a stem would make one of Tietz and Tietze syndrome."""
    if len(word) <= _LETTERS or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    return word[:-3] + "y" if word.endswith("ies") else word[:-1]


def _shingles(text: str) -> frozenset[str]:
    last = max(1, len(text) - _LETTERS + 1)
    return frozenset(text[start : start + _LETTERS] for start in range(last))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


class EvaluationSets:
    """The texts of question sets that a model will be evaluated on, so that it never learns them.

    The test is an overlap of 8 words in a row (Brown et al. 2020, "Language Models are Few-Shot
    Learners", appendix C, with 13), after NFKC and without case, accents and punctuation. It holds
    for the questions, their reference answers and facts. A question of fewer words must be the same
    one.

    Args:
        texts: (question, other texts that belong to it) of each question.
    """

    def __init__(self, texts: Iterable[tuple[str, Sequence[str]]]) -> None:
        self._questions: set[str] = set()

        def keys() -> Iterator[list[str]]:
            for question, others in texts:
                self._questions.add(question_key(question))
                yield from (question_key(text).split() for text in (question, *others))

        self._runs = WordRuns(keys(), _SHARED)

    @classmethod
    def read(cls, paths: Sequence[str | Path]) -> Self:
        """The question sets in some files or BEIR folders; docs/questions.md has the formats.

        Raises:
            QuestionError: one cannot be read, or has no usable question.
        """
        return cls(
            (example.question, (example.answer, *example.alternatives, *example.nuggets))
            for path in paths
            for example in read_questions(path, DatasetFieldsConfig())[0]
        )

    def contaminated(self, text: str) -> str:
        """The words that a text shares with one of the sets: 8 in a row or more; "" if none.

        A text that is one of their questions shares all its words, however few.
        """
        import numpy as np

        key = question_key(text)
        if key in self._questions:
            return key
        words = key.split()
        found = np.flatnonzero(self._runs.shared(words))
        if not found.size:
            return ""
        start = end = int(found[0])
        for place in found[1:]:  # runs that overlap are one
            if place > end + 1:
                break
            end = int(place)
        return " ".join(words[start : end + _SHARED])
