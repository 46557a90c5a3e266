"""Keep one hit of each text, and lower those that are nearly like a better one."""

from __future__ import annotations

from dataclasses import replace

from ..text.duplicates import SHORT, heading_said, title_said
from ..text.near_duplicates import Gist
from ..types import Hit

_COMPARED = 20  # hits that each further one is compared with
_ALIKE = 0.85  # share of words from which on two hits are alike
_LOWERED = 0.2  # share of its score that a hit loses for each better one that it is like
_MOST_LOWERED = 4  # of these


class Distinct:
    """Hits of which no two say the same, made from hits that are added best first.

    A hit in nearly the same words as a better one may still say something else (another drug,
    another ward). It is kept, but its score is lowered, the more of its like there are, so that
    others are seen as well.

    Attributes:
        copies: how many hits said the same as an earlier one.
        different: how many hits do not even resemble a better one.
    """

    def __init__(self) -> None:
        self.copies = self.different = 0
        self._kept: list[_Kept] = []
        self._by_key: dict[tuple[str, ...], _Kept] = {}
        self._compared: list[_Kept] = []  # the first that do not resemble a better one

    def add(self, hit: Hit) -> None:
        """Add the next best hit."""
        new = _Kept(hit)
        kept = self._by_key.get(new.key)
        if kept is None:
            kept = next((one for one in self._kept[:_COMPARED] if one.says_same(new)), None)
            self._by_key[new.key] = kept or new
        if kept is None:
            self._keep(new)
            return
        self.copies += 1
        kept.take_in(new)

    def _keep(self, new: _Kept) -> None:
        self._kept.append(new)
        wording = new.gist.wording
        alike = (one for one in self._compared if wording.shared(one.gist.wording) >= _ALIKE)
        if better := next(alike, None):
            better.like_it += 1
            new.lower(min(better.like_it, _MOST_LOWERED))
            return
        self.different += 1
        if len(self._compared) < _COMPARED:
            self._compared.append(new)

    def hits(self) -> list[Hit]:
        """The hits, best first, each with the documents of its copies."""
        # Stable: equal scores keep their order.
        return sorted((one.with_copies() for one in self._kept), key=lambda hit: -hit.score)


class _Kept:
    """A hit that is shown, and the documents that say the same.

    Attributes:
        key: equal for hits that say the same in the same words under the same title and headings.
        like_it: how many others are in nearly the same words.
    """

    def __init__(self, hit: Hit) -> None:
        self.gist = Gist(hit.text)
        self.like_it = 0
        self._hit = hit
        headings = heading_said(f"{hit.section}\n{hit.header}")
        self._about = "\0".join((*title_said(hit.title), "", *headings))
        # A short text says what it says by its metadata, too.
        self._metadata = str(hit.metadata) if len(self.gist.joined) < SHORT else ""
        self.key = (self._about, self._metadata, self.gist.joined)
        self._documents = {hit.document: None}  # in order

    def says_same(self, new: _Kept) -> bool:
        """Whether one of the two is enough, although their words differ."""
        if self._about != new._about or not self.gist.is_same(new.gist):
            return False
        # Of two texts with the same words, a letter more can make one long.
        return self._metadata == new._metadata or not (self._metadata and new._metadata)

    def take_in(self, new: _Kept) -> None:
        """Name the document of another hit that says the same."""
        self._documents[new._hit.document] = None

    def lower(self, times: int) -> None:
        """Lower the score, because better hits are in nearly the same words."""
        score = self._hit.score
        self._hit = replace(self._hit, score=score - times * _LOWERED * abs(score))

    def with_copies(self) -> Hit:
        """The hit with the other documents."""
        others = tuple(name for name in self._documents if name != self._hit.document)
        return replace(self._hit, duplicates=others) if others else self._hit
