"""What the readers share: titles, the heading path, the rule for line ends, bounded blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ...text.cleaning import clean_text
from ...types import Block
from ..files import split_text

MEGABYTE = 1_000_000  # bytes
BLOCK_LIMIT = 1 << 16  # characters in a block at most
_TITLE_LIMIT = 300  # characters; a title is put before every chunk, so it must stay small
_NARROW = 45  # characters; below this no column of prose is set, but lists and addresses are


def one_line(text: str, limit: int = _TITLE_LIMIT) -> str:
    """Return `text` cleaned, on one line, cut at a word with "…" beyond `limit` characters."""
    line = " ".join(clean_text(text[: 20 * limit]).split())
    if len(line) <= limit:
        return line
    return line[:limit].rsplit(" ", 1)[0].rstrip(",;:") + "…"


def readable_stem(path: Path) -> str:
    """Return a title made of a file's name: "acute-gout_2.txt" gives "Acute gout 2"."""
    name = path.name[: -len(".xml.gz")] if path.name.lower().endswith(".xml.gz") else path.stem
    words = one_line(re.sub(r"[-_\s]+", " ", name))
    return words[:1].upper() + words[1:]


class HeadingPath:
    """The headings above a place in a document, e.g. "Treatment > Children"."""

    def __init__(self) -> None:
        self._path: list[tuple[int, str]] = []

    def enter(self, level: int, heading: str) -> None:
        """Step below `heading`; it closes those of the same and of deeper levels (1 is top)."""
        self.leave(level)
        self._path.append((level, one_line(heading, 120)))

    def leave(self, level: int) -> None:
        """Step out of the headings of `level` and deeper."""
        while self._path and self._path[-1][0] >= level:
            self._path.pop()

    def __str__(self) -> str:
        return " > ".join(heading for _, heading in self._path if heading)


def breaks_on_purpose(line: str, following: str, width: int) -> bool:
    """Tell a line end that someone meant from one that only wraps a paragraph.

    Wrapping ends a line where the next word has no room left. So a line is ended on purpose if
    that word would have fitted with ease into `width`, the characters in the longest lines around.
    """
    word = following.split(None, 1)[0] if following.strip() else ""
    return len(line) + 1 + len(word) <= 0.8 * max(width, _NARROW)


def bounded(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield the blocks, those longer than `BLOCK_LIMIT` characters in pieces, glue set."""
    for block in blocks:
        if len(block.text) <= BLOCK_LIMIT:
            yield block
            continue
        glue = block.glue
        for piece in split_text(block.text, BLOCK_LIMIT):
            yield replace(block, text=piece, glue=glue)
            glue = "\n\n" if piece.endswith("\n\n") else " " if piece[-1].isspace() else ""
