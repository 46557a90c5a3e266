"""Reads .html: what a page says to who looks at it, without its menus, scripts and controls."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import replace

from ....types import Document
from ...files import BOMS
from ..reader import Source, one_line
from .walk import Walk

_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)


def read(source: Source) -> Iterator[Document]:
    """Yield the page. Its title is the `<title>`, else the first `<h1>`, else the file's name.

    What is left out is counted in `Document.left_out`:

    - "hidden text": what is not seen on the page, see `styles.Sight`; `<noscript>`.
    - "deleted text": `<del>`, `<s>`, `<strike>`, and text that a style strikes through.
    - "reference marks": numbers that lead to a list of references, see `marks.Marks`.
    - "formulas": MathML that cannot be written in one line; "[formula]" stands for it.
    - "pictures": alternative texts, unless they are short and stand within text or in a table's
      cell; text in drawings.
    - "embedded content": what `<iframe>`, `<object>`, `<video>` and the like hold.
    - "page furniture": menus, page headers and footers, sidebars, buttons, form fields, scripts.

    Anything that scripts would add is not read.

    Raises:
        DocumentError: the file cannot be read, or is not text in its encoding (by its BOM, else by
            the charset that a `<meta>` names, else UTF-8).
        MemoryError: there is not enough for the whole page.
    """
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    try:
        tree = LexborHTMLParser(_decoded(source))
    except SelectolaxError as error:  # any text is a page: it fails only for lack of memory
        raise MemoryError from error
    titles = [one_line(node.text()) for tag in ("title", "h1") if (node := tree.css_first(tag))]
    title = next(filter(None, titles), "")
    link = tree.css_first('link[rel="canonical"]')
    url = (link.attributes.get("href") or "") if link else ""
    document = Document(
        id=source.document_id,
        title=title or source.title,
        blocks=(),
        url=url if url.startswith(("http://", "https://")) else "",
    )
    root = tree.body or tree.root
    if root is not None:
        blocks = Walk(tree, title, document).blocks(root)
        document = replace(document, blocks=blocks)  # with the same flags and counts
    yield document


def _decoded(source: Source) -> str:
    try:
        data = source.path.read_bytes()
    except OSError as error:
        raise source.error(f"cannot be read: {error.strerror}") from error
    bom, codec = next((pair for pair in BOMS if data.startswith(pair[0])), (b"", ""))
    data = data[len(bom) :]
    if not bom:
        codec = _declared(data[:1024])
        nul = data.find(0)
        if nul >= 0:
            raise source.error(f"binary data (NUL byte at byte {nul})")
    try:
        return data.decode(codec)
    except UnicodeError as error:  # not every codec says where
        where = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        raise source.error(f"invalid {codec.upper()}{where}; save it as UTF-8") from error


def _declared(head: bytes) -> str:
    """Return the codec that the start of a page declares, or UTF-8."""
    match = _CHARSET.search(head)
    label = match[1].decode("ascii", "replace").lower() if match else "utf-8"
    try:
        b"x".decode(label, "replace")  # refuses codecs that are not text encodings
        name = codecs.lookup(label).name
    except (LookupError, UnicodeError):
        return "utf-8"
    if name.startswith("utf-16"):  # the <meta> was read as ASCII, so this cannot be true
        return "utf-8"
    # Like browsers, read pages that call themselves Latin-1 or ASCII as Windows-1252.
    return "cp1252" if name in ("iso8859-1", "ascii") else name
