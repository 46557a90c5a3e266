"""Under which licences the documents of an index are, as far as they say so themselves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape
from textwrap import shorten

from ..stores import IndexReader

_FIELDS = ("license", "licence", "rights")  # of a document's metadata
_NOT_STATED = "not stated"
_MOST = 80  # characters of a licence that is told in a sentence
_CREATIVE_COMMONS = re.compile(r"creativecommons\.org/licenses/([a-z-]+)/(\d\.\d)")
_PUBLIC_DOMAIN = re.compile(r"creativecommons\.org/publicdomain/(zero|mark)/(\d\.\d)")


def licences(index: IndexReader, documents: Iterable[str]) -> dict[str, int]:
    """How many of some documents are under each licence, most first."""
    found: Counter[str] = Counter()
    for document in documents:
        chunks = index.document_chunk_ids(document)[:1]
        for hit in index.hits(chunks).values():
            found[_licence(hit.metadata)] += 1
    return dict(found.most_common())


def _licence(metadata: Mapping[str, object]) -> str:
    named = {name.lower(): value for name, value in metadata.items()}
    value = next((named[name] for name in _FIELDS if named.get(name)), "")
    told = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if found := _CREATIVE_COMMONS.search(told):
        return f"CC {found[1].upper()} {found[2]}"
    if found := _PUBLIC_DOMAIN.search(told):
        return f"CC0 {found[2]}" if found[1] == "zero" else "public domain"
    return shorten(told, _MOST, placeholder=" …") or _NOT_STATED


def told(found: Mapping[str, int]) -> str:
    """In one line: "CC BY 4.0 (12 documents), not stated (3)"."""
    return ", ".join(
        f"{escape(name)} ({count:,} document{'s' if count != 1 else ''})"
        for name, count in found.items()
    )
