"""Keep one hit of each text, and lower those that are nearly like a better one."""

from __future__ import annotations

from dataclasses import replace

from ..text.duplicates import SHORT, said
from ..text.near_duplicates import Gist
from ..types import Hit

_COMPARED = 20  # hits that each further one is compared with
_ALIKE = 0.85  # share of words from which on two hits are alike
_LOWERED = 0.2  # share of its score that a hit loses if it is like a better one


class Distinct:
    """Hits of which no two say the same, made from hits that are added best first.

    If one of two texts holds the whole other one and more, it is shown at the place of the better
    one, so that nothing is lost. A hit in nearly the same words as a better one may still say
    something else (another drug, another ward). It is kept, but its score is lowered, so that
    others are seen as well.

    Attributes:
        copies: how many hits said the same as an earlier one.
        different: how many hits do not even resemble a better one.
    """

    def __init__(self) -> None:
        self.copies = self.different = 0
        self._kept: list[_Kept] = []
        self._by_key: dict[tuple[str, str], _Kept] = {}
        self._compared: list[_Kept] = []  # the first that do not resemble a better one

    def add(self, hit: Hit) -> None:
        """Add the next best hit."""
        new = _Kept(hit)
        kept = self._by_key.get(new.key)
        if kept is None:
            kept = next((one for one in self._kept[:_COMPARED] if one.says_same(new)), None)
            if kept is None:
                self._by_key[new.key] = new
                self._keep(new)
                return
            self._by_key[new.key] = kept
        self.copies += 1
        kept.take_in(new)

    def _keep(self, new: _Kept) -> None:
        self._kept.append(new)
        wording = new.gist.wording
        if any(wording.shared(one.gist.wording) >= _ALIKE for one in self._compared):
            new.lower()
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
        key: equal for hits that say the same in the same words.
    """

    def __init__(self, hit: Hit) -> None:
        self.gist = Gist(hit.text)
        self._hit = hit
        # A short text says what it says by its title and metadata, too.
        about = f"{hit.title}\n{hit.metadata}" if len(hit.text) < SHORT else ""
        self._heading = said(f"{about}\n{hit.section}\n{hit.header}")
        self.key = (" ".join(self._heading), self.gist.joined)
        self._documents = {hit.document: None}  # in order

    def says_same(self, new: _Kept) -> bool:
        """Whether one of the two is enough, although their words differ."""
        if self._heading != new._heading:
            return False
        one, other = self.gist, new.gist
        return one.is_same(other) or one.holds(other) or other.holds(one)

    def take_in(self, new: _Kept) -> None:
        """Name the document of another hit that says the same; show the hit if it says more."""
        self._documents[new._hit.document] = None
        if new.gist.holds(self.gist):
            self.gist, self._hit = new.gist, replace(new._hit, score=self._hit.score)

    def lower(self) -> None:
        """Lower the score, because a better hit is in nearly the same words."""
        score = self._hit.score
        self._hit = replace(self._hit, score=score - _LOWERED * abs(score))

    def with_copies(self) -> Hit:
        """The hit with the other documents."""
        others = tuple(name for name in self._documents if name != self._hit.document)
        return replace(self._hit, duplicates=others) if others else self._hit
