"""Running headers, footers and page numbers: what repeats at the edges of pages is taken off."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

_EDGE = 3  # lines at the top and at the bottom of a page where headers and footers are looked for
_AROUND = 6  # pages before and after a page that its edges are compared with
_AHEAD = 64  # pages read before one is handed on, for the hyphenated words in them
_COMPOUNDS_LIMIT = 50_000  # hyphenated words remembered from a document
_LINE = 200  # characters; a line with a page number is shorter
_HEADER_WORDS = 3  # words beside a number that make it a header and its page number
_COMPOUND = re.compile(r"\w+-\w+")
_NUMBER = re.compile(r"(?<![\w.,])\d{1,5}(?!\w|[.,]\d)")
# A line whose number, here "#", is a page number by the line's own words.
_PAGE_NUMBER = re.compile(
    r"""[\W_]*\#(?:\s*(?:/|of|von|de|sur|di)\s*\d+)?[\W_]*  # "- 3 -", "3 of 9"
    |(?:.*\W)?(?:p\ ?a\ ?g\ ?e|p[aá]g(?:ina)?|seite|side|sida|pp?\.|s\.)\W{0,3}
        \#(?:\W.*)?  # "Page 3", "p. 3"
    |\#\W*p\ ?a\ ?g\ ?e\b.*  # "3 | Page"
    """,
    re.I | re.X,
)
_HEADER = re.compile(r"\#\s\W*(?P<after>.+)|(?P<before>.*[^\s:=])\s+\#")
# A line as it is compared between pages: whole, or without its number (of a page number "#" is
# all that counts), and that number less the number of the page.
_Key = tuple[str, int | None]


@dataclass(slots=True)
class _Page:
    number: int
    lines: list[str]
    tops: set[_Key] = field(init=False)
    bottoms: set[_Key] = field(init=False)

    def __post_init__(self) -> None:
        self.tops = {key for line in self.lines[:_EDGE] for key, _ in _keys(line, self.number)}
        self.bottoms = {key for line in self.lines[-_EDGE:] for key, _ in _keys(line, self.number)}
        numbers = {key for key in self.tops | self.bottoms if key[0] == "#"}
        self.tops |= numbers  # a chapter's first page may have it at the foot, others at the head
        self.bottoms |= numbers


class Pages:
    """The pages of a document, seen with some of those ahead, so that what repeats is known.

    A line runs if it is on 3 pages at least, and on a third of those up to 6 before and after it
    (on 2 where the document has no more than 3). It is the same line if its text is equal, numbers
    too; only a page number may differ, and advances with the pages. What a page number is, the
    line must tell: it has no other text ("3", "3 / 9"), or a word for page, or is a header of
    3 words or more, capitalized, with the number at its start or end. Where in such a header the
    count could be one of cases or days, as it starts within the document, 6 pages must have it.
    Everything else that is counted, measured or dosed stays.

    Args:
        pages: the lines of each page.
        strip: False to leave running lines where they are.
    """

    def __init__(self, pages: Iterable[list[str]], *, strip: bool = True) -> None:
        self._pages = iter(pages)
        self._strip = strip
        self._behind: deque[_Page] = deque(maxlen=_AROUND)
        self._ahead: deque[_Page] = deque()
        self._count = 0
        self.compounds: set[str] = set()  # lower case, e.g. "long-lasting", of the pages seen
        self.stripped = False  # whether anything was taken off
        self._look_ahead()

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the lines of each page without its running header and footer."""
        while self._ahead:
            yield self._body(0)
            self._behind.append(self._ahead.popleft())
            self._look_ahead()

    def first_line(self) -> str:
        """Return the first line of text on the pages ahead, or ""."""
        return next((body[0] for n in range(len(self._ahead)) if (body := self._body(n))), "")

    def _look_ahead(self) -> None:
        while len(self._ahead) < _AHEAD and (lines := next(self._pages, None)) is not None:
            self._count += 1
            self._ahead.append(_Page(self._count, lines))
            for line in lines:
                if len(self.compounds) < _COMPOUNDS_LIMIT:
                    self.compounds.update(word.lower() for word in _COMPOUND.findall(line))

    def _body(self, index: int) -> list[str]:
        """Return the lines of a page ahead without its running header and footer."""
        page = self._ahead[index]
        lines = page.lines
        if not self._strip:
            return lines
        seen = chain(self._behind, islice(self._ahead, index + _AROUND + 1))
        around = [other for other in seen if other.number >= page.number - _AROUND]
        tops = [other.tops for other in around]
        bottoms = [other.bottoms for other in around]
        start, stop = 0, len(lines)
        while start < min(_EDGE, stop) and self._runs(tops, lines[start], page.number):
            start += 1
        while stop > max(start, len(lines) - _EDGE) and self._runs(
            bottoms, lines[stop - 1], page.number
        ):
            stop -= 1
        self.stripped |= stop - start < len(lines)
        return lines[start:stop]

    def _runs(self, around: list[set[_Key]], line: str, page: int) -> bool:
        """Tell whether a line repeats at the edges of enough of the pages around."""
        for key, least in _keys(line, page):
            if self._count <= 3:
                least -= 1
            if sum(key in edge for edge in around) >= max(least, len(around) / 3):
                return True
        return False


def _keys(line: str, page: int) -> Iterator[tuple[_Key, float]]:
    """Yield what a line may be known by on other pages, and how many of them must have it."""
    yield (line, None), 3
    for match in _NUMBER.finditer(line) if len(line) <= _LINE else ():
        rest = f"{line[: match.start()]}#{line[match.end() :]}"
        offset = int(match[0]) - page
        if _PAGE_NUMBER.fullmatch(rest):
            yield ("#", offset), 3
        elif header := _HEADER.fullmatch(rest):
            text = header["after"] or header["before"]
            words = [word for word in text.split() if any(map(str.isalpha, word))]
            if len(words) >= _HEADER_WORDS and text.lstrip("\"'“‘([")[:1].isupper():
                yield (rest, offset), 3 if offset > 0 else 2 * 3
                yield ("#", offset), math.inf  # vouches for the bare numbers of other pages
