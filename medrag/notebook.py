"""What a notebook shows of an answer, a hit and a citation: HTML without scripts.

The functions take what `to_dict` of these records gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

# Flags that are shown with their source only.
_MINOR = ("ocr", "tables as lines", "hidden text left out", "duplicate")
_NEAREST = 3  # documents that are named if there is no answer
_LONG = 600  # characters of a passage that are shown
# `inherit` and half-transparent greys suit a dark notebook as well as a light one.
_CARD = (
    "max-width:46em;padding:.6em .9em;margin:.3em 0;line-height:1.45;text-align:left;"
    "border:1px solid rgba(128,128,128,.35);border-radius:6px;overflow-wrap:anywhere"
)
_QUIET = "opacity:.75;font-size:.9em"
_WARNING = "color:#b45309;font-size:.92em"
_DOUBT = "color:#dc2626;font-size:.92em"


def answer_html(answer: Mapping[str, Any]) -> str:
    """The answer, what to know before relying on it, and its sources with their exact text."""
    doubts = [
        f"Source {source['marker']}: {flag}"
        for source in answer["sources"]
        for flag in source["flags"]
        if flag not in _MINOR
    ]
    stance = f" · it says {answer['stance']}" if answer["stance"] else ""
    about = f"confidence {answer['confidence']:.2f} · {answer['status']}{stance}"
    parts = [
        _line(answer["question"], _QUIET),
        *(_line(doubt, _DOUBT) for doubt in doubts),
        _line(answer["answer"], "font-weight:600;margin:.3em 0;white-space:pre-line"),
        _line(about, _QUIET),
        *(_line(warning, _WARNING) for warning in answer["warnings"]),
    ]
    if answer["missing"]:
        parts.append(_line(f"not said: {', '.join(answer['missing'])}", _WARNING))
    if answer["abstained"] and answer["hits"]:
        nearest = dict.fromkeys(hit["title"] or hit["document"] for hit in answer["hits"])
        parts.append(_line(f"nearest documents: {'; '.join([*nearest][:_NEAREST])}", _QUIET))
    parts += [_source(source) for source in answer["sources"]]
    for other in answer["contradicting"]:
        parts.append(
            _line(f"says otherwise than “{other['statement']}”: {other['reason']}", _DOUBT)
        )
        parts.append(_source(other["source"]))
    parts += [
        _line(f"removed ({one['reason']}): {one['text']}", _WARNING)
        for one in answer["sentences"]
        if not one["supported"]
    ]
    return _card(parts)


def hit_html(hit: Mapping[str, Any]) -> str:
    """A passage and where it is from."""
    similarity = "" if hit["similarity"] is None else f" · similarity {hit['similarity']:.2f}"
    return _card(
        [
            _title(hit["title"] or hit["document"], hit["url"]),
            _line(f"score {hit['score']:.3f}{similarity}", _QUIET),
            _line(hit["header"], _QUIET),
            _quote(hit["text"]),
            _place(hit),
        ]
    )


def citation_html(citation: Mapping[str, Any]) -> str:
    """The exact text of a source and where it is from."""
    return _card([_source(citation)])


def _source(source: Mapping[str, Any]) -> str:
    title = _title(f"[{source['marker']}] {source['title'] or source['document']}", source["url"])
    return title + _quote(source["text"]) + _place(source)


def _place(found: Mapping[str, Any]) -> str:
    page = None if found["page"] is None else f"page {found['page']}"
    span = f"characters {found['start']}–{found['end']}"
    parts = [found["document"], page, found["section"], found["evidence"], span]
    place = _line(" · ".join(filter(None, parts)), _QUIET)
    also = f"also in {', '.join(found['duplicates'])}" if found["duplicates"] else ""
    return place + _line(also, _QUIET) + _line(", ".join(found["flags"]), _WARNING)


def _title(text: str, url: str) -> str:
    shown = escape(text)
    if url.startswith(("https://", "http://")):  # a document may name any other scheme
        style, rel = "color:inherit", "noopener noreferrer"
        shown = f'<a href="{escape(url)}" style="{style}" rel="{rel}" target="_blank">{shown}</a>'
    return f'<div style="margin-top:.6em"><b>{shown}</b></div>'


def _quote(text: str) -> str:
    short = text if len(text) <= _LONG else f"{text[:_LONG].rstrip()} …"
    style = "margin:.2em 0 .2em .2em;padding-left:.8em;border-left:3px solid rgba(128,128,128,.4)"
    return f'<div style="{style};white-space:pre-line">{escape(short)}</div>'


def _line(text: str, style: str) -> str:
    return f'<div style="{style}">{escape(text)}</div>' if text else ""


def _card(parts: Iterable[str]) -> str:
    return f'<div style="{_CARD}">{"".join(parts)}</div>'
