"""Reads the running text of a JATS article: reference and note marks, formulas, struck text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import Element

from ....types import Flag
from ..formulas import math_text, tex_text
from ..reader import flat
from ..xml import spoken, superscript

# Marks in text that is not finished yet. No XML text can contain these characters.
_CITED = "\x01"  # the number of a cited source
_CUT = "\x02"  # something that was left out
_NOTE, _NOTE_END = "\x03", "\x04"  # around the mark of a note
_BLOCK = "\x05"  # a block within a paragraph

# What is left out, and the reason that is counted.
LEFT_OUT = {
    **dict.fromkeys(("ref-list", "element-citation", "citation-alternatives"), "references"),
    **dict.fromkeys(("alt-text", "long-desc"), "descriptions of pictures"),
    **dict.fromkeys(("permissions", "license", "copyright-statement"), "licence texts"),
    **dict.fromkeys(("contrib-group", "aff", "aff-alternatives", "bio"), "author details"),
    **dict.fromkeys(("author-notes", "collab-alternatives"), "author details"),
    **dict.fromkeys(("sec-meta", "kwd-group", "unstructured-kwd-group"), "publication details"),
    **dict.fromkeys(("subj-group", "custom-meta-group", "object-id"), "publication details"),
    **dict.fromkeys(("funding-group", "support-group"), "funding"),
    **dict.fromkeys(("index-term", "index-term-range-end"), "index entries"),
    **dict.fromkeys(("rt", "rp"), "phonetic guides"),
    "strike": "deleted text",
    "trans-title-group": "other titles",
    "alt-title": "other titles",
}
IN_PLACE = {"p", "sec", "list", "def-list", "disp-quote", "attrib", "preformat", "code", "table"}
IN_PLACE |= {"verse-group", "statement", "speech", "array", "question-wrap", "question", "answer"}
IN_PLACE |= {"answer-set", "question-wrap-group", "explanation", "option", "notes", "glossary"}
FLOATING = {"table-wrap", "table-wrap-group", "fig", "fig-group", "boxed-text", "media", "fn"}
FLOATING |= {"supplementary-material", "chem-struct-wrap", "floats-wrap", "fn-group"}
FORMULAS = {"inline-formula", "disp-formula", "math", "tex-math", "alternatives"}
_PICTURES = {"graphic", "inline-graphic"}
# Which of several forms of the same thing is read.
_FORMS = ("math", "tex-math", "table", "textual-form", "code", "preformat", "chem-struct")

_DASH = r"\-\u2010-\u2015\u2212"
_BETWEEN = rf"(?:[\s,;/&{_DASH}]|\band\b|\bto\b)"  # cited numbers
_YEAR = r"(?:1[89]|20)\d\d"
_ITEM = rf"(?!{_YEAR})[A-Za-z]?\d{{1,4}}[a-z]?"
_NUMBERS = re.compile(rf"[\[(\s]*{_ITEM}(?:{_BETWEEN}+{_ITEM})*[\])\s,;{_DASH}]*")
_WIDE = re.compile(r"(\s{8})\s+")  # patterns that begin with white space take long on more
_GROUP = rf"{_CITED}(?:{_BETWEEN}*{_CITED})*"
_ONE = rf"(?:\d{{1,3}}|{_CITED}+)"
_LIST = rf"{_ONE}(?:{_BETWEEN}+{_ONE})*"
_SQUARE = re.compile(rf"\[\s*(?=[^\[\]]*{_CITED}){_LIST}[\s,;]*\]")
_ROUND = re.compile(rf"[(\[]\s*(?:see|e\.g\.,?|refs?\.?)?\s*{_GROUP}[\s,;]*[)\]]")
_CITATION = re.compile(rf"([,;]?)(\s*){_GROUP}(\s*)((?<!\d)\.(?!\d))?")
_FIRST = re.compile(rf"([(\[])\s*{_GROUP}[\s,;]*")  # in brackets with more than citations
_NOTES = re.compile(rf"\s*{_NOTE}([^{_NOTE_END}]*){_NOTE_END}(?:[\s,;]*(?={_NOTE}))?")
_SYMBOLS = "*†‡§¶#‖∥∗✱⁎"
_MARK = re.compile(rf"[A-Za-z]{{1,3}}|\d{{1,3}}|[{_SYMBOLS}|+^~]{{1,4}}")
_ORDINALS = {"st", "nd", "rd", "th", "h", "o", "n", "x", "er", "re", "e", "t"}
_POWER = re.compile(r"(?<![^\W\d_])(?:[mcdkµμ]?m|[sRrXxχFtn])\Z|(?<![\d.,])10\Z")
_TEN = re.compile(r"(?:^|[^\d.,])10\s+\Z")
_STRUCK = re.compile(r"line-through|strike|deleted", re.IGNORECASE)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])")


class RunningText:
    """Reads text within one article, and counts what is left out of it.

    Attributes:
        floats: blocks that were found within text and are read after it.
    """

    def __init__(self, article: Element, left_out: Counter[str], flags: set[Flag]) -> None:
        self.floats: list[Element] = []
        self._left_out = left_out
        self._flags = flags
        self._placed: list[Element] = []  # blocks within a paragraph
        self._in_place = False  # whether blocks keep their place
        self._lists: list[Element] | None = None  # found within an item of a list
        self._bare = False  # whether references and notes are dropped
        self._marks: set[str] | None = None  # of the notes of the table that is being read
        self._targets = {
            one.get("id", ""): one.tag for tag in ("ref", "fn") for one in article.iter(tag)
        }

    def line(self, element: Element | None) -> str:
        """Return the text of an element on one line; "" for None."""
        return "" if element is None else flat(_finished(self._read(element)))

    def title(self, element: Element | None) -> str:
        """Return the text of a title or name, without the marks that hang on it."""
        self._bare = True
        text = self.line(element)
        self._bare = False
        return text

    def lines(self, element: Element) -> str:
        """Return the text of an element with its line ends."""
        return _finished(self._read(element))

    def pieces(self, element: Element) -> Iterator[str | Element]:
        """Yield the text of an element, interrupted by the blocks within it."""
        outer = self._placed, self._in_place
        self._placed, self._in_place = [], True
        texts = _finished(self._read(element)).split(_BLOCK)
        placed = self._placed
        self._placed, self._in_place = outer
        for n, text in enumerate(texts):
            yield flat(text)
            if n < len(placed):
                yield placed[n]

    def item(self, element: Element) -> tuple[str, list[Element]]:
        """Return the text of an item of a list, "term: meaning", and the lists within it."""
        outer = self._lists
        inner: list[Element] = []
        self._lists = inner
        if element.tag == "def-item":
            meanings = " ".join(self.line(one) for one in element.iterfind("def"))
            text = ": ".join(filter(None, (self.line(element.find("term")), meanings)))
        else:
            text = self.line(element)
        self._lists = outer
        return text, inner

    def note(self, element: Element) -> str:
        """Return a footnote on one line, after its mark in square brackets."""
        parts = [self._noted(self._read(one)) for one in element.iterfind("label")]
        parts += [f" {self._read(one)} " for one in element if one.tag != "label"]
        return bracketed(flat(_finished("".join([element.text or "", *parts]))))

    def leaves_out(self, element: Element) -> bool:
        """Tell whether an element is left out, and count it if it has text."""
        reason = LEFT_OUT.get(element.tag)
        style = element.get("style", "") + element.get("style-type", "")
        kind = element.get("content-type", "")
        if _STRUCK.search(style) or (element.tag.endswith("-content") and _STRUCK.search(kind)):
            reason = "deleted text"
        elif _HIDDEN.search(style):
            reason = "hidden text"
        if reason and has_text(element):
            self.count(reason)
            if reason == "hidden text":
                self._flags.add(Flag.hidden_text)
        return reason is not None

    def count(self, reason: str) -> None:
        """Count something that was left out."""
        self._left_out[reason] += 1

    @contextmanager
    def in_table(self, table: Element) -> Iterator[None]:
        """Know the marks of a table's notes while its text is read."""
        outer = self._marks
        self._marks = set()
        for foot in table.iter("table-wrap-foot"):
            marks = (one for tag in ("label", "sup") for one in foot.iter(tag))
            self._marks.update("".join(mark.itertext()).strip(" \n.:()[]") for mark in marks)
        yield
        self._marks = outer

    def _read(self, element: Element) -> str:
        if element.tag in FORMULAS:
            return self._formula(element)
        return spoken(element, self._special)

    def _special(self, child: Element, before: str) -> str | None:
        """Return the text of what JATS has special elements for."""
        tag = child.tag
        if self.leaves_out(child):
            return _CUT
        if self._bare and tag in ("xref", "fn"):
            return ""
        if self._lists is not None and tag in ("list", "def-list"):
            self._lists.append(child)
            return " "
        if self._in_place and tag in IN_PLACE:
            self._placed.append(child)
            return _BLOCK
        if tag in FLOATING:
            self.floats.append(child)
            label = child.find("label") if tag == "fn" else None
            return "" if label is None else self._noted("".join(label.itertext()))
        if tag in FORMULAS:
            formula = self._formula(child)
            # "2" and the formula "1/4" are "2 1/4".
            return f" {formula}" if before[-1:].isdigit() and formula[:1].isdigit() else formula
        if tag == "xref":
            return self._xref(child)
        if tag == "sup":
            return self._raised(child, before)
        if tag == "inline-graphic":
            self.count("pictures in text")
            return "[picture]"
        if tag == "private-char":
            self.count("unknown characters")
            return "\N{REPLACEMENT CHARACTER}"
        if tag == "overline":
            text = spoken(child, self._special, before)
            return f"{text}\u0304" if len(text) == 1 else text
        if tag in ("list-item", "def-item"):
            return f" \N{BULLET} {spoken(child, self._special)} "
        return "" if tag == "graphic" else None

    def _xref(self, xref: Element) -> str:
        """Return the text of a reference, or a mark for it."""
        kind = xref.get("ref-type", "")
        rids = xref.get("rid", "").split()
        target = self._targets.get(rids[0], "other") if rids else ""
        text = spoken(xref, self._special)
        if kind == "bibr" or (kind in ("", "other") and target in ("ref", "")):
            bare = re.sub(rf"[{_CUT}{_CITED}]", "", text).strip()
            if _NUMBERS.fullmatch(bare):
                self.count("reference marks")
                return _CITED
            return text if bare or kind != "bibr" else _CITED
        if kind in ("fn", "table-fn", "author-notes", "corresp", "aff") or target == "fn":
            return self._noted(text)
        return text

    def _noted(self, text: str) -> str:
        """Return note marks for a text that is one or more of them, else the text."""
        marks = [mark.strip("[]().:") for mark in re.split(r"[\s,;]+", text) if mark]
        if _NOTE in text or not marks or not all(map(_MARK.fullmatch, marks)):
            return f" {text.strip()} " if text.strip() and _NOTE not in text else text
        return "".join(f"{_NOTE}{mark}{_NOTE_END}" for mark in marks)

    def _raised(self, sup: Element, before: str) -> str:
        """Return the text of a superscript: a power, or marks of references and notes."""
        text = spoken(sup, self._special, before)
        if _NOTE in text:
            return text
        if _CITED in text:
            if re.fullmatch(rf"[\s\[(,;]*{_LIST}[\s\]),;]*", text):
                return _CITED
            rest = re.sub(rf"{_BETWEEN}*{_CITED}{_BETWEEN}*", "", text)
            return self._number_or_mark(before, rest) + _CITED
        return self._number_or_mark(before, text)

    def _number_or_mark(self, before: str, text: str) -> str:
        before = re.sub(r"[\x01-\x05]", "", before)
        items = [item for item in re.split(r"[\s,;]+", text.strip()) if item]
        if self._marks is not None and items and all(self._is_mark(one, before) for one in items):
            return self._noted(text)
        if _TEN.search(before) and text.strip()[-1:].isdigit():
            return f"^{text.strip()}"  # although a space stands before it
        return superscript(before, text)

    def _is_mark(self, item: str, before: str) -> bool:
        """Tell whether a superscript in a table is the mark of a note."""
        known = item in (self._marks or ())
        if not item.strip(_SYMBOLS):
            return True
        if not _MARK.fullmatch(item):
            return False
        if item.isdigit():
            return known and not _POWER.search(before)
        if not item.isalpha():
            return known
        follows_value = before[-1:].isdigit() or before[-1:] in ")%"
        return known or item in "abcdefgh" or (follows_value and item not in _ORDINALS)

    def _formula(self, element: Element) -> str:
        """Return a formula, or the best form of something that has several, as text."""
        if element.tag == "alternatives":
            text = self._best(element)
            if text.strip():
                return text
            if any(one.tag in FORMULAS for one in element.iter() if one is not element):
                return self._unwritten()
            if element.find("inline-graphic") is None:
                return ""
            self.count("pictures in text")
            return "[picture]"
        text = self._form(element)
        text = text if text.strip() else self._unwritten()
        if element.tag != "disp-formula":
            return text
        label = self.line(element.find("label"))
        return f" ({label.strip('()')}) {text.strip()} " if label else f" {text.strip()} "

    def _best(self, alternatives: Element) -> str:
        """Return the first form that can be written as text, or ""."""
        forms = (form for form in sorted(alternatives, key=_rank) if form.tag not in _PICTURES)
        return next((text for form in forms if (text := self._form(form)).strip()), "")

    def _form(self, form: Element) -> str:
        """Return one form of a formula as text, "" if that is not possible."""
        if form.tag == "math":
            return math_text(form)
        if form.tag == "tex-math":
            return tex_text("".join(form.itertext()))
        if form.tag.endswith("-formula"):
            return self._content(form)
        special = self._special(form, "")
        return spoken(form, self._special) if special is None else special

    def _content(self, formula: Element) -> str:
        """Return what stands in a formula element, without its label."""
        has_math = formula.find("math") is not None
        parts = [formula.text or ""]
        for child in formula:
            if child.tag == "alternatives":
                parts.append(self._best(child))
            elif child.tag not in _PICTURES | {"label"} | ({"tex-math"} if has_math else set()):
                parts.append(self._piece(child, parts[-1]))
            parts.append(child.tail or "")
        return "".join(parts)

    def _piece(self, child: Element, before: str) -> str:
        """Return the text of a part of a formula, as `spoken` would read it."""
        if child.tag in ("math", "tex-math"):
            return self._form(child)
        whole = Element("whole")
        whole.append(child)
        tail, child.tail = child.tail, None
        text = spoken(whole, self._special, before)
        child.tail = tail
        return text

    def _unwritten(self) -> str:
        self.count("formulas")
        return "[formula]"


def bracketed(note: str) -> str:
    """Return a note with the symbol that it begins with in brackets: "*p < 0.05"."""
    return re.sub(rf"^([{_SYMBOLS}]{{1,4}})\s*(?=[^\W_]|[<>≤≥])", r"[\1] ", note)


def has_text(element: Element) -> bool:
    """Tell whether there is any text in an element."""
    return any(text.strip() for text in element.itertext())


def _rank(form: Element) -> int:
    return _FORMS.index(form.tag) if form.tag in _FORMS else len(_FORMS)


def _finished(text: str) -> str:
    """Return `text` without the marks of cited sources, and with those of notes in brackets."""
    if not re.search(r"[\x01-\x04]", text):
        return text
    text = _WIDE.sub(r"\1", text)
    if _CITED in text:
        for pattern in (_SQUARE, _ROUND, _ROUND):
            text = pattern.sub(_CITED, text)
        text = _FIRST.sub(r"\1", text)
        text = _CITATION.sub(_without_citation, text)
    text = re.sub(rf"(?<=\w){_CUT}+(?=\w)", " ", text).replace(_CUT, "")
    return _NOTES.sub(_with_note, text)


def _with_note(match: re.Match[str]) -> str:
    following = match.string[match.end() : match.end() + 1]
    return f" [{match[1]}]" + (" " if following.isalnum() else "")


def _without_citation(match: re.Match[str]) -> str:
    """Return what is left where marks of cited sources stood: separators and spaces."""
    text = match.string
    left, right = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    comma, before, after, stop = match.groups()
    if stop:  # "et al. [1]." has one stop too many
        return "" if left == "." and not comma else stop
    if right in ",;:.)]" or left in "([":  # "" is in both
        closing = not right or right in ",;.)]"
        return "" if closing or left in "([" else comma
    space = before or after
    if not space and not comma and left.isalnum() and right.isalnum():
        space = " "
    return comma + (" " if space else "")
