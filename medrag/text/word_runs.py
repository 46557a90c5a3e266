"""Runs of words of some texts, to find where another text repeats them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PRIME = 1_099_511_628_211  # of FNV-1a, 64 bits; odd, so that no bit of a word's hash is lost


class WordRuns:
    """The runs of words of some texts, by their hashes: 8 bytes for each word.

    Args:
        texts: as words.
        length: words of a run.
    """

    def __init__(self, texts: Iterable[Sequence[str]], length: int) -> None:
        import numpy as np

        self._length = length
        runs = [np.empty(0, np.uint64), *(_hashes(words, length) for words in texts)]
        self._known: NDArray[np.uint64] = np.unique(np.concatenate(runs))

    def shared(self, words: Sequence[str]) -> NDArray[np.bool_]:
        """Whether each run of a text is one of theirs; none for a text that is too short."""
        import numpy as np

        runs = _hashes(words, self._length)
        if not len(self._known):
            return np.zeros(len(runs), bool)
        nearest = np.searchsorted(self._known, runs).clip(max=len(self._known) - 1)
        found: NDArray[np.bool_] = self._known[nearest] == runs
        return found


def _hashes(words: Sequence[str], length: int) -> NDArray[np.uint64]:
    """A hash for each run of words: a polynomial of the hashes of the words, modulo 2^64."""
    import numpy as np
    from xxhash import xxh3_64_intdigest

    count = len(words) - length + 1
    if count < 1:
        return np.empty(0, np.uint64)
    digests = [xxh3_64_intdigest(word.encode()) for word in words]
    hashes = np.array(digests, np.uint64)
    total = np.zeros(count, np.uint64)
    for place in range(length):
        total = total * np.uint64(_PRIME) + hashes[place : place + count]
    return total
