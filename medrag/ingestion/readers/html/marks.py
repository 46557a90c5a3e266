"""Tells the number of a cited source from the mark of a note, by where its link leads."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

Kind = Literal["reference", "note", "back", ""]

_CLIMB = 6  # elements around the target of a link whose names are looked at
_MARK_LIMIT = 24  # characters
_NUMBERS = r"\d{1,3}(?:\s*[-,;\u2013]\s*\d{1,3})*"
_NOTES = r"[a-z]{1,2}(?:\s*,\s*[a-z]{1,2})*|[*\u2020\u2021\u00a7\u00b6#\u2016]{1,4}"
_WORDS = r"(?:note|nb|n\.?b\.?|fn)\.?\s*\d{1,3}"
_BARE = re.compile(rf"\s*[\[(]?\s*({_NUMBERS}|{_NOTES}|{_WORDS})\s*[\])]?\s*", re.IGNORECASE)
_RAISED_NOTE = re.compile(_NOTES)
_BACK = re.compile(r"\s*[\^\u2191\u21a9\u21b5\u23ce\u21d1\ufe0e\ufe0f]+\s*")
_REFERENCE_NAME = re.compile(
    r"(?:^|[-_ :])(?:ref-?lists?|references?|bibliograph\w*|biblio|bib|citations?|cite|cited"
    r"|citeref|literature|works-cited|bibr|doc-bibliography|doc-biblioentry|doc-biblioref|doc-endnotes)"
    r"(?:$|[-_ :])",
    re.IGNORECASE,
)
_NOTE_NAME = re.compile(
    r"(?:^|[-_ :])(?:foot-?notes?|fn|fn-group|table-?notes?|tbl?fn|tfoot|notes?|doc-footnotes?"
    r"|doc-noteref|msofootnotetext)(?:$|[-_ :\d])",
    re.IGNORECASE,
)
_REFERENCE_ID = re.compile(
    r"_?(?:cite[-_]?note|cite|citation|cit|cr|references?|ref|bibr?|biblio|xref-ref|rf|b|r)"
    r"[-_.:]*\d",
    re.IGNORECASE,
)
_NOTE_ID = re.compile(
    r"_?(?:t?fn|ftn|edn|foot-?note|end-?note|note|tbl?fn|tn|nt|n)[-_.:]*(?:ref)?[-_.:]*(?:\w{0,2}$|\d)",
    re.IGNORECASE,
)
_REFERENCE_HEADING = re.compile(
    r"\W*(?:[\divx]+[.)]?\s+)?(?:(?:list of|cited|further|key|selected|main)\s+)?"
    r"(?:references?|bibliography|literature|sources|works|works cited|literature cited"
    r"|references? list|citations|literatur(?:verzeichnis)?|quellen|einzelnachweise"
    r"|r[ée]f[ée]rences(?: bibliographiques)?|bibliograph?[ií][ae]|referencias|bibliograf[ií]a"
    r"|refer[êe]ncias|riferimenti|literatuur)(?: and (?:notes|sources|further reading))?\W*",
    re.IGNORECASE,
)
_NOTE_HEADING = re.compile(r"\W*(?:foot|table )?notes?\W*", re.IGNORECASE)


class Marks:
    """The marks of a page that lead to its sources and notes."""

    def __init__(self, tree: LexborHTMLParser) -> None:
        self._tree = tree
        self._numbers: set[str] = set()  # of notes found so far that no link leads to
        self.noted: dict[int, str] = {}  # the marks of notes found so far, by the note's element

    @cached_property
    def _targets(self) -> dict[str, tuple[LexborNode, Kind]]:
        """The elements that links can lead to, each with what the heading above it says."""
        found: dict[str, tuple[LexborNode, Kind]] = {}
        under: Kind = ""
        for node in self._tree.css("h1, h2, h3, h4, h5, h6, [id], a[name]"):
            tag = node.tag or ""
            if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
                heading = node.text()[:80]
                is_reference = _REFERENCE_HEADING.fullmatch(heading)
                is_note = _NOTE_HEADING.fullmatch(heading)
                under = "reference" if is_reference else "note" if is_note else ""
            for name in (node.attributes.get("id"), node.attributes.get("name")):
                if name:
                    found.setdefault(name, (node, under))
        return found

    @cached_property
    def _raised_at_start(self) -> set[str]:
        """The superscripts that a paragraph, item or cell begins with."""
        found = set()
        for node in self._tree.css("p sup, li sup, td sup, dd sup, div sup"):
            before = node.prev
            if before is None or (before.is_text_node and not (before.text_content or "").strip()):
                found.add(node.text()[:_MARK_LIMIT].strip())
        return found

    def kind(self, link: LexborNode, raised: bool) -> tuple[Kind, str]:
        """Return what a link is, and its mark without brackets.

        - "reference": the number of a source in the page's list of references.
        - "note": the mark of a note, a letter, a symbol or a number; any other number in a
          superscript too.
        - "back": leads from a note or source to where it was cited.
        - "": text.

        A link's target decides: the roles, classes and ids around it, then the heading above it,
        then its own name; then the link's own role and class.

        Args:
            link: an `<a>`.
            raised: whether it is a superscript.
        """
        text = link.text()[: _MARK_LIMIT + 1]
        match = _BARE.fullmatch(text) if len(text) <= _MARK_LIMIT else None
        back = match is None and _BACK.fullmatch(text)
        if not match and not back:
            return "", ""
        attributes = link.attributes
        own = " ".join(attributes.get(name) or "" for name in ("class", "role", "epub:type"))
        fragment = unquote((attributes.get("href") or "").partition("#")[2])
        if back or "backlink" in own or "backref" in own:
            return ("back", "") if fragment else ("", "")
        assert match
        mark = match[1].strip()
        if not fragment:
            return ("note", mark) if raised and attributes.get("href") else ("", "")
        found = self._targets.get(fragment)
        kind = self._around(*found) if found else ""
        kind = kind or _named(fragment) or _said(own) or ("note" if raised else "")
        if kind == "reference" and not mark[0].isdigit():
            kind = "note"
        if kind == "note" and found:
            self.noted.setdefault(found[0].mem_id, mark)
        return kind, mark

    def _around(self, target: LexborNode, under: Kind) -> Kind:
        node: LexborNode | None = target
        for _ in range(_CLIMB):
            if node is None or node.tag in ("body", "main", "article", "html"):
                break
            if node.tag == "tfoot":
                return "note"
            attributes = node.attributes
            names = ("class", "role", "epub:type", *(() if node is target else ("id",)))
            kind = _said(" ".join(attributes.get(name) or "" for name in names))
            if kind:
                return kind
            node = node.parent
        return under

    def is_note(self, mark: str, before: str, in_cell: bool) -> bool:
        """Tell whether a superscript without a link is the mark of a note.

        A letter or a symbol is, unless it may be a degree, an ordinal or an unknown power. A number
        is if a paragraph, item or cell of the page begins with the same superscript.

        Args:
            mark: the text of the superscript, without white space around it.
            before: the end of the text in front.
            in_cell: whether it is in a table.
        """
        if not before or before[-1].isspace():
            return False
        if _RAISED_NOTE.fullmatch(mark):
            if mark.isalpha() and len(set(mark)) > 1:
                return False  # 1st, 2nd, Mme
            if mark == "o" or (mark in "enx" and before[-1].isdigit() and not in_cell):
                return False
            return not before[-1].isalpha() or (before[-2:].isalpha() and len(before) > 1)
        if not re.fullmatch(_NUMBERS, mark) or re.search(r"(?<!\d)10\Z|[)\]]\Z", before):
            return False
        is_note = before[-1].isdigit() and mark in self._raised_at_start
        if is_note:
            self._numbers.add(mark)
        return is_note

    def cites(self, raised: LexborNode) -> bool:
        """Tell whether the class of a superscript says that it cites something."""
        return _said(raised.attributes.get("class") or "") == "reference"

    def is_source(self, raised: LexborNode, mark: str) -> bool:
        """Tell whether a superscript without a link is the number of a source, by its class."""
        return bool(re.fullmatch(rf"\[?{_NUMBERS}\]?", mark)) and self.cites(raised)

    def starts_note(self, mark: str, following: str) -> bool:
        """Tell whether a superscript at the start of a paragraph is the mark of a note there."""
        if _RAISED_NOTE.fullmatch(mark):
            return len(mark) == 1 or not mark.isalpha()
        # Not the mass of a nuclide, as in 131I.
        words = re.match(r"\s|[A-Z]?[a-z]{2}", following)
        return mark in self._numbers or bool(re.fullmatch(r"\d{1,2}", mark) and words)


def _said(names: str) -> Kind:
    """Return what the words in class names, ids or roles say."""
    if not names.strip():
        return ""
    if _NOTE_NAME.search(names):
        return "note"
    return "reference" if _REFERENCE_NAME.search(names) else ""


def _named(fragment: str) -> Kind:
    """Return what the name of a link's target says, such as "ref12" or "fn1"."""
    if _NOTE_ID.match(fragment):
        return "note"
    return "reference" if _REFERENCE_ID.match(fragment) else ""
