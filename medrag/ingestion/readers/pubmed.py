"""Reads PubMed XML (PubmedArticleSet): one document for each article, in constant memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from ...types import Block, Document, Rejected
from .reader import Source, one_line
from .xml import elements, inline


def read(source: Source) -> Iterator[Document | Rejected]:
    """Yield each article and book chapter of a set that has an abstract; the id is `PMID:n`.

    The labels of a structured abstract become the sections of its blocks.

    Raises:
        DocumentError: as `xml.elements`, after the articles before the damage.
    """
    records = elements(source, "PubmedArticle", "PubmedBookArticle")
    for number, article in enumerate(records, start=1):
        pmid = one_line(article.findtext(".//PMID") or "")
        if not pmid.isdecimal():
            yield Rejected(f"{source.document_id}#{number}", f"article {number} has no PMID")
            continue
        blocks = list(_abstract(article))
        if not blocks:
            yield Rejected(f"PMID:{pmid}", "no abstract")
            continue
        yield Document(
            id=f"PMID:{pmid}",
            title=inline(article.find(".//ArticleTitle")) or inline(article.find(".//BookTitle")),
            blocks=blocks,
            url=f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/",
            metadata=_metadata(article, pmid),
        )


def _abstract(article: Element) -> Iterator[Block]:
    for part in article.iterfind(".//Abstract/AbstractText"):
        text = inline(part)
        label = part.get("Label", "")
        # NLM writes this label where the author gave none.
        section = "" if label.upper() == "UNLABELLED" else one_line(label.capitalize(), 120)
        if text:
            yield Block(text, section=section)


def _metadata(article: Element, pmid: str) -> dict[str, Any]:
    # Each path ends at the article or chapter itself: references and the book have DOIs too.
    doi = article.findtext("*/Article/ELocationID[@EIdType='doi']") or article.findtext(
        "*/ArticleIdList/ArticleId[@IdType='doi']"
    )
    date = article.find(".//JournalIssue/PubDate")
    if date is None:
        date = article.find(".//Book/PubDate")
    year = re.search(r"\d{4}", "".join(date.itertext())) if date is not None else None
    lists = [one for one in article.iter("AuthorList") if one.get("Type") != "editors"]
    authors = lists[-1] if lists else ()  # the authors of a chapter follow those of its book
    found = {
        "pmid": pmid,
        "doi": one_line(doi or ""),
        "journal": inline(article.find(".//Journal/Title"))
        or inline(article.find(".//Journal/ISOAbbreviation")),
        "book": inline(article.find(".//Book/BookTitle")),
        "year": int(year[0]) if year else None,
        "authors": [name for author in authors if (name := _name(author))],
        "mesh": [inline(name) for name in article.iterfind(".//MeshHeading/DescriptorName")],
    }
    return {key: value for key, value in found.items() if value}


def _name(author: Element) -> str:
    first = author.findtext("ForeName") or author.findtext("Initials") or ""
    last = author.findtext("LastName") or author.findtext("CollectiveName") or ""
    return one_line(f"{first} {last}")
