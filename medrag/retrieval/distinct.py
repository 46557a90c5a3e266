"""Keep one hit of each text, and lower those that are nearly like a better one."""

from __future__ import annotations

from dataclasses import replace

from ..text.duplicates import SHORT, Wording, same_text_key
from ..types import Hit

_COMPARED = 20  # hits whose words each further one is compared with
_ALIKE = 0.85  # share of words from which on two hits are alike
_LOWERED = 0.2  # share of its score that a hit loses if it is like a better one


class Distinct:
    """Hits of which no two say the same, made from hits that are added best first.

    A hit in nearly the same words as a better one may still say something else (another drug,
    another ward). It is kept, but its score is lowered, so that others are seen as well.

    Attributes:
        copies: how many hits said the same as an earlier one.
        different: how many hits do not even resemble a better one.
    """

    def __init__(self) -> None:
        self.copies = self.different = 0
        self._hits: dict[bytes, Hit] = {}
        self._wordings: list[Wording] = []
        self._documents: dict[bytes, dict[str, None]] = {}  # of copies, in order

    def add(self, hit: Hit) -> None:
        """Add the next best hit."""
        key = _text_key(hit)
        if key in self._hits:
            self.copies += 1
            if hit.document != self._hits[key].document:
                self._documents.setdefault(key, {})[hit.document] = None
            return
        wording = Wording(hit.text)
        seen = self._wordings[:_COMPARED]
        if any(wording.shared(other) >= _ALIKE for other in seen):
            hit = replace(hit, score=hit.score - _LOWERED * abs(hit.score))
        else:
            self.different += 1
            self._wordings.append(wording)
        self._hits[key] = hit

    def hits(self) -> list[Hit]:
        """The hits, best first, each with the documents of its copies."""
        hits = [
            replace(hit, duplicates=tuple(self._documents.get(key, ())))
            for key, hit in self._hits.items()
        ]
        return sorted(hits, key=lambda hit: -hit.score)  # stable: equal scores keep their order


def _text_key(hit: Hit) -> bytes:
    """Equal for hits that say the same; a short text says it by its title and metadata, too."""
    about = f"{hit.title}\n{hit.metadata}\n" if len(hit.text) < SHORT else ""
    return same_text_key("\n".join((about, hit.section, hit.header, hit.text)))
