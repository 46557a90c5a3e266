"""Reads .txt and .md: turns a stream of lines into paragraphs, in constant memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, pairwise

from ...types import Block, BlockKind, Document
from ..files import read_chunks
from .reader import HeadingPath, Source, breaks_on_purpose, flat, one_line

_PARAGRAPH_LIMIT = 1 << 14  # characters collected before a paragraph is yielded in parts
_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\n"
    r"((?:#.*\n)*\w[\w.-]*:(?:[ \t].*)?\n"  # comments, then a key
    r"(?:(?:\w[\w.-]*:(?:[ \t].*)?|[ \t#].*|-(?:[ \t].*)?)?\n)*?)?"
    r"(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
)
_FRONT_FIELD = re.compile(r"^(\w[\w-]*):[ \t]+(\S.*)$", re.MULTILINE)
_UNDERLINE = re.compile(r"\s*(={3,}|-{3,})\s*\Z")
_RULE = re.compile(r"\s*([-*_=])(\s*\1){2,}\s*\Z")
_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)(?:\s+#+)?\s*\Z")
_FENCE = re.compile(r"\s*(?:`{3,}[^`]*\Z|~~~)")  # but not "```5 mg```", code within a line
_ITEM = re.compile(r"\s*(?:[-*+•‣–]|\(?\d{1,3}[.)]|\(?[a-z]\))\s+\S")
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*\Z")
_TITLE_LIMIT = 120  # characters; a longer first line is not a title
_HEADING_LIMIT = 60  # characters; a longer line in plain text is not a heading
_MARKUP_LIMIT = 1000  # characters; a longer line is prose, whatever it starts with


def read(source: Source) -> Iterator[Document]:
    """Yield the document; the file is read while its blocks are.

    The title of Markdown is `title:` in the front matter, else the first `# heading`. The title of
    plain text is its first line, if that is short, does not end like a sentence, and is followed
    by a blank line or an underline. Otherwise the file's name is used. Other front matter becomes
    metadata, and `url:` the document's URL.

    Raises:
        DocumentError: the file cannot be read or decoded; later also from the blocks.
    """
    markdown = source.suffix == ".md"
    pieces = (piece.replace("\r\n", "\n").replace("\r", "\n") for piece in read_chunks(source.path))
    head = next(pieces, "")
    front: dict[str, str] = {}
    if markdown:
        front, head = _front_matter(head)
        heading = _first_heading(head)
    else:
        heading, head = _title_line(head)
    title = front.pop("title", "") or heading or source.title
    url = front.pop("url", "")
    blocks = _Paragraphs(markdown, title).blocks(chain([head], pieces))
    yield Document(source.document_id, title, blocks, url, front)


def _front_matter(head: str) -> tuple[dict[str, str], str]:
    """Split YAML between two `---` lines off the start of a Markdown file.

    Two rules with prose between them look alike, so every line must look like YAML.
    """
    match = _FRONT_MATTER.match(head)
    if not match:
        return {}, head
    fields = _FRONT_FIELD.findall(match[1] or "")
    front = {key.lower(): one_line(value.strip(" \"'")) for key, value in fields}
    return front, head[match.end() :]


def _first_heading(head: str) -> str:
    """Return the text of the first top-level Markdown heading, or ""."""
    outside = re.sub(r"(?ms)^(`{3,}(?=[^`\n]*$)|~~~).*?^\1", "", head)
    match = re.search(r"(?m)^#[ \t]+(\S.*)$|^(\S.*)\n={3,}[ \t]*$", outside)
    return _without_markup(one_line((match[1] or match[2]).rstrip(" #"))) if match else ""


def _title_line(head: str) -> tuple[str, str]:
    """Split the title off the start of a plain text, if its first line is a title."""
    match = re.match(r"\s*(\S[^\n]*)\n(?:[ \t]*\n|[ \t]*(?:={3,}|-{3,})[ \t]*(?:\n|\Z))", head)
    if (
        not match
        or len(match[1]) > _TITLE_LIMIT
        or match[1].rstrip().endswith((".", ",", ";"))
        or _ITEM.match(match[1])
    ):
        return "", head
    return one_line(match[1]), head[match.end() :]


def _without_markup(text: str) -> str:
    """Return a piece of Markdown without the markup of links, images and bold type."""
    text = re.sub(r"!?\[([^\[\]]*)\]\([^()\s]*(?:\s\"[^\"]*\")?\)", r"\1", text)
    text = re.sub(r"\*\*(?=\S)(.+?)(?<=\S)\*\*", r"\1", text)
    return re.sub(r"(?<!\w)__(?=\S)(.+?)(?<=\S)__(?!\w)", r"\1", text)


def _is_row(line: str) -> bool:
    """Tell whether a line is a row of a table, with bars or tabs between its cells."""
    return line.lstrip().startswith("|") or " | " in line or line.count("\t") > 1


class _Paragraphs:
    """Collects lines into paragraphs; holds one paragraph at a time."""

    def __init__(self, markdown: bool, title: str) -> None:
        self._markdown = markdown
        self._title = title
        self._path = HeadingPath()
        self._lines: list[str] = []
        self._size = 0  # characters in _lines
        self._glue = "\n\n"  # before the next block
        self._fenced = False

    def blocks(self, pieces: Iterator[str]) -> Iterator[Block]:
        """Yield the blocks of a text that comes in pieces, which may end within a line."""
        begun = ""  # the start of a line that the next piece continues
        giant = False  # that line is too long to collect, and its start has been yielded
        for piece in pieces:
            *lines, last = (begun + piece).split("\n")
            begun = last
            for line in lines:
                if giant:
                    yield from self._part(line)
                    self._glue, giant = "\n\n", False
                else:
                    yield from self._add(line)
            if giant or len(begun) > _PARAGRAPH_LIMIT:
                yield from self._flush()
                yield from self._part(begun)
                begun, giant = "", True
        if begun:
            yield from self._add(begun)
        yield from self._flush()

    def _part(self, text: str) -> Iterator[Block]:
        """Yield a piece of a line that is too long to collect; the next one continues the word."""
        if text:
            yield Block(text, self._glue, section=str(self._path))
            self._glue = ""

    def _add(self, line: str) -> Iterator[Block]:
        """Add a whole line; yield what it completes."""
        if self._markdown and _FENCE.match(line):
            yield from self._flush()
            self._fenced = not self._fenced
        elif not line.strip():
            yield from self._flush()
            self._glue = "\n\n"
        elif self._fenced or len(line) > _MARKUP_LIMIT:
            yield from self._keep(line)
        elif len(self._lines) == 1 and (mark := _UNDERLINE.match(line)):
            heading = self._lines.pop()
            yield from self._heading(1 if mark[1][0] == "=" else 2, heading)
        elif self._markdown and (match := _HEADING.match(line)):
            yield from self._flush()
            yield from self._heading(len(match[1]), match[2])
        elif not _RULE.match(line) and not (self._lines and _TABLE_RULE.match(line)):
            yield from self._keep(line)

    def _keep(self, line: str) -> Iterator[Block]:
        """Add a line to the paragraph; if that gets too long, yield what there is of it first."""
        if self._lines and self._size + len(line) > _PARAGRAPH_LIMIT:
            glue = self._joint(self._lines[-1], line, max(map(len, self._lines)))
            yield from self._flush()
            self._glue = " " if glue == " " else "\n\n"
        if self._markdown and not self._fenced:
            line = _without_markup(re.sub(r"^\s*>\s?", "", line))
        self._lines.append(line)
        self._size += len(line)

    def _heading(self, level: int, heading: str) -> Iterator[Block]:
        """Enter a section; yield its heading, unless it repeats the title."""
        heading = flat(_without_markup(heading))
        self._size = 0
        if level == 1 and heading == self._title:
            self._path.leave(1)
        elif heading:
            yield self._path.enter(level, heading)
        self._glue = "\n\n"

    def _flush(self) -> Iterator[Block]:
        """Yield the paragraph collected so far."""
        lines, self._lines, self._size = self._lines, [], 0
        if not lines:
            return
        width = max(map(len, lines))
        if not self._markdown and self._glue == "\n\n" and self._is_heading(lines, width):
            yield from self._heading(2, lines.pop(0))
        text = self._shown(lines[0]) if lines else ""
        for line, following in pairwise(lines):
            text += self._joint(line, following, width) + self._shown(following)
        if text:
            is_table = len(lines) > 1 and not self._fenced and all(map(_is_row, lines))
            kind = BlockKind.table if is_table else BlockKind.text
            yield Block(text, self._glue, section=str(self._path), kind=kind)
            self._glue = "\n\n"

    def _is_heading(self, lines: list[str], width: int) -> bool:
        """Tell whether a plain paragraph starts with a short line that names what follows."""
        line = lines[0].strip()
        return (
            len(line) <= _HEADING_LIMIT
            and (line[0].isupper() or line[0].isdigit())
            and line[-1] not in ".,;:!?|"
            and any(map(str.isalpha, line))
            and not _is_row(line)
            and (len(lines) == 1 or (not _ITEM.match(line) and width > _HEADING_LIMIT))
            and (len(lines) == 1 or breaks_on_purpose(line, lines[1], width))
        )

    def _shown(self, line: str) -> str:
        """Return a line as text, a row of a Markdown table without its outer bars."""
        line = line.strip()
        if self._markdown and not self._fenced and _is_row(line):
            line = " | ".join(cell.strip() for cell in line.strip("|").split("|"))
        return line

    def _joint(self, line: str, following: str, width: int) -> str:
        """Return what goes between two lines of a paragraph: a newline or a space."""
        if self._fenced or _ITEM.match(following) or _is_row(line) or _is_row(following):
            return "\n"
        if _ITEM.match(line):
            return " "
        if self._markdown:
            return "\n" if line.endswith(("  ", "\\")) else " "
        return "\n" if breaks_on_purpose(line, following, width) else " "
