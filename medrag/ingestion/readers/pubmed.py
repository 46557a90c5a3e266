"""Reads PubMed XML (PubmedArticleSet): one document for each article, in constant memory.

Names of elements are those of NLM's PubMed DTD. A set may revise and withdraw records of other
sets: see `Document.version` and `Deleted`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from ...types import Block, Deleted, Document, Flag, Rejected
from .reader import Source, one_line, says_retracted
from .xml import elements, inline

# What CommentsCorrections, and the type of a publication, say about an article.
_FLAGS = {
    "RetractionIn": Flag.retracted,
    "PartialRetractionIn": Flag.retracted,
    "RetractedandRepublishedIn": Flag.retracted,
    "Retracted Publication": Flag.retracted,
    "ErratumIn": Flag.corrected,
    "CorrectedandRepublishedIn": Flag.corrected,
    "ExpressionOfConcernIn": Flag.concern,
    "UpdateIn": Flag.superseded,
}
# A record that says this of another one is a notice, and worth keeping without an abstract.
_NOTICES = {
    "RetractionOf": "Retraction of",
    "PartialRetractionOf": "Partial retraction of",
    "RetractedandRepublishedFrom": "Retracted and republished from",
    "ErratumFor": "Erratum for",
    "CorrectedandRepublishedFrom": "Corrected and republished from",
    "ExpressionOfConcernFor": "Expression of concern for",
    "UpdateOf": "Update of",
}
_NOTICE_TYPES = {"Retraction of Publication", "Published Erratum", "Expression of Concern"}
# Text that is neither read nor kept as metadata, by the reason that it is counted under.
_LEFT_OUT = {
    "ReferenceList/Reference": "references",
    "CopyrightInformation": "copyright notices",
    "CoiStatement": "statements of interests",
    "GeneralNote": "notes of the cataloguer",
    "InvestigatorList/Investigator": "investigators",
    "PersonalNameSubjectList/PersonalNameSubject": "persons written about",
    "GrantList/Grant": "grants",
    "Affiliation": "affiliations",
}


def read(source: Source) -> Iterator[Document | Rejected | Deleted]:
    """Yield each article and book chapter of a set that has an abstract; the id is `PMID:n`.

    Notices of retractions and corrections are yielded even without one, and so are revised
    records, because the revision without an abstract replaces the one with it. The labels of a
    structured abstract become the sections of its blocks. Other abstracts (in plain language, or
    translated) follow the first one, each in a section of its own.

    Raises:
        DocumentError: as `xml.elements`, after the articles before the damage.
    """
    records = elements(
        source, "PubmedArticle", "PubmedBookArticle", "DeleteCitation", "DeleteDocument"
    )
    number = 0
    for record in records:
        if record.tag in ("DeleteCitation", "DeleteDocument"):
            for one in record.iter("PMID"):
                yield Deleted(f"PMID:{one_line(one.text or '')}", f"{_revision(one):06d}~")
            continue
        number += 1
        pmid = record.find(".//PMID")
        digits = "" if pmid is None else one_line(pmid.text or "")
        if pmid is None or not digits.isdecimal():
            yield Rejected(f"{source.document_id}#{number}", f"article {number} has no PMID")
            continue
        title = _title(record)
        blocks = list(_blocks(record))
        types = _publication_types(record)
        if not blocks and title and (_revision(pmid) > 1 or not _NOTICE_TYPES.isdisjoint(types)):
            blocks = [Block(title)]
        if not blocks:
            yield Rejected(f"PMID:{digits}", "no abstract")
            continue
        metadata = _metadata(record, digits)
        states = [*metadata.get("publication_types", ()), *_relations(record)]
        flags = {_FLAGS[state] for state in states if state in _FLAGS}
        if says_retracted(title):
            flags.add(Flag.retracted)
        yield Document(
            id=f"PMID:{digits}",
            title=title,
            blocks=blocks,
            url=f"https://pubmed.ncbi.nlm.nih.gov/{digits}/",
            metadata=metadata,
            version=f"{_revision(pmid):06d} {_revised(record)}",
            flags=flags,
            left_out=Counter(
                {why: number for path, why in _LEFT_OUT.items() if (number := _count(record, path))}
            ),
        )


def _title(record: Element) -> str:
    for name in ("ArticleTitle", "VernacularTitle", "BookTitle"):
        if title := inline(record.find(f".//{name}")):
            return title
    return ""


def _revision(pmid: Element) -> int:
    version = pmid.get("Version", "1")
    return int(version) if version.isdecimal() else 1


def _revised(record: Element) -> str:
    """Return when a record was last revised, as YYYY-MM-DD; the same PMID version may be, often."""
    for name in ("DateRevised", "DateCompleted"):
        date = record.find(f".//{name}")
        if date is not None:
            parts = [date.findtext(part) or "0" for part in ("Year", "Month", "Day")]
            if all(part.isdecimal() for part in parts):
                return f"{int(parts[0]):04d}-{int(parts[1]):02d}-{int(parts[2]):02d}"
    return ""


def _relations(record: Element) -> dict[str, list[Element]]:
    """Return the notes that link an article to others, by their kind, without mere comments."""
    found: dict[str, list[Element]] = {}
    for one in record.iterfind(".//CommentsCorrectionsList/CommentsCorrections"):
        kind = one.get("RefType", "")
        if kind in _FLAGS or kind in _NOTICES:
            found.setdefault(kind, []).append(one)
    return found


def _blocks(record: Element) -> Iterator[Block]:
    for kind, notes in _relations(record).items():
        for note in notes if kind in _NOTICES else ():
            yield Block(f"{_NOTICES[kind]}: {_described(note)}.")
    yield from _abstract(record, ".//Abstract/AbstractText", "")
    for other in record.iterfind(".//OtherAbstract"):
        kind, language = other.get("Type", ""), other.get("Language", "eng")
        name = {"plain-language-summary": "Plain language summary"}.get(kind, "Other abstract")
        section = name if language == "eng" else f"{name} ({language})"
        yield from _abstract(other, "AbstractText", section)
    for part in record.iterfind(".//Sections/Section"):
        if title := inline(part.find("SectionTitle")):
            yield Block(title, section="Contents")


def _abstract(record: Element, path: str, section: str) -> Iterator[Block]:
    for part in record.iterfind(path):
        text = inline(part)
        label = part.get("Label", "")
        # NLM writes this label where the author gave none.
        label = "" if label.upper() == "UNLABELLED" else one_line(label.capitalize(), 120)
        if text:
            yield Block(text, section=" > ".join(filter(None, (section, label))))


def _described(note: Element) -> str:
    pmid = one_line(note.findtext("PMID") or "")
    parts = [inline(note.find("RefSource")).rstrip("."), f"PMID {pmid}" if pmid else ""]
    return ", ".join(filter(None, [*parts, inline(note.find("Note")).rstrip(".")]))


def _count(record: Element, path: str) -> int:
    return sum(1 for _ in record.iterfind(f".//{path}"))


def _metadata(record: Element, pmid: str) -> dict[str, Any]:
    # Each path ends at the article or chapter itself: references and the book have DOIs too.
    doi = record.findtext("*/Article/ELocationID[@EIdType='doi']") or record.findtext(
        "*/ArticleIdList/ArticleId[@IdType='doi']"
    )
    date = record.find(".//JournalIssue/PubDate")
    if date is None:
        date = record.find(".//Book/PubDate")
    year = re.search(r"\d{4}", "".join(date.itertext())) if date is not None else None
    lists = [one for one in record.iter("AuthorList") if one.get("Type") != "editors"]
    authors = lists[-1] if lists else ()  # the authors of a chapter follow those of its book
    found = {
        "pmid": pmid,
        "doi": one_line(doi or ""),
        "journal": inline(record.find(".//Journal/Title"))
        or inline(record.find(".//Journal/ISOAbbreviation")),
        "book": inline(record.find(".//Book/BookTitle")),
        "publisher": inline(record.find(".//Publisher/PublisherName")),
        "year": int(year[0]) if year else None,
        "language": inline(record.find(".//Language")),
        "vernacular_title": inline(record.find(".//VernacularTitle")),
        "authors": [name for author in authors if (name := _name(author))],
        "publication_types": _publication_types(record),
        "mesh": _texts(record, ".//MeshHeading/DescriptorName"),
        "supplementary_mesh": _texts(record, ".//SupplMeshList/SupplMeshName"),
        "keywords": _texts(record, ".//KeywordList/Keyword"),
        "substances": _texts(record, ".//ChemicalList/Chemical/NameOfSubstance"),
        "genes": _texts(record, ".//GeneSymbolList/GeneSymbol"),
        "registrations": _texts(record, ".//DataBank/AccessionNumberList/AccessionNumber"),
        "related": [
            {"type": kind, "source": _described(note)}
            for kind, notes in _relations(record).items()
            for note in notes
        ],
    }
    return {key: value for key, value in found.items() if value}


def _publication_types(record: Element) -> list[str]:
    articles = _texts(record, "*/Article/PublicationTypeList/PublicationType")
    return articles or _texts(record, "*/PublicationType")  # of a book chapter


def _texts(record: Element, path: str) -> list[str]:
    return [text for one in record.iterfind(path) if (text := inline(one))]


def _name(author: Element) -> str:
    first = author.findtext("ForeName") or author.findtext("Initials") or ""
    last = author.findtext("LastName") or author.findtext("CollectiveName") or ""
    return one_line(f"{first} {last}")
