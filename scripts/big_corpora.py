"""Make corpora of any size: short documents, one long line, a PDF, or a PubMed set.

bench_memory.py uses them. The same size always gives the same corpus. The words come from MiniLM's
vocabulary, drawn by Zipf's law; the sentences mean nothing. All differ, so that each is embedded.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np

from medrag.ingestion import TextEmbedder

SEED = 13
_WORDS = 1 << 17  # drawn at once
_FOLDER = 1000  # documents in a folder
_LINES = 48  # on a page of the PDF
_ARTICLES = 30_000  # in a file of the PubMed set, as in NLM's files


def sentences() -> Iterator[str]:
    """Endless sentences of 6 to 30 words."""
    vocabulary = TextEmbedder().tokenizer.get_vocab()
    ranked = sorted(vocabulary, key=vocabulary.__getitem__)
    words = np.array([w for w in ranked if len(w) > 1 and w.isascii() and w.isalpha()], dtype=str)
    weights = 1 / np.arange(10, 10 + len(words))
    steps = np.cumsum(weights / weights.sum())
    draw = np.random.default_rng(SEED)
    while True:
        drawn = words[np.minimum(np.searchsorted(steps, draw.random(_WORDS)), len(words) - 1)]
        ends = np.cumsum(draw.integers(6, 31, size=_WORDS // 31))
        for part in np.split(drawn, ends)[:-1]:
            yield " ".join(part.tolist()).capitalize() + "."


def make_documents(folder: Path, number: int) -> None:
    """`number` text files of two sentences (about 40 tokens), a thousand to a folder."""
    source = sentences()
    for index in range(number):
        place = folder / f"{index // _FOLDER:04d}"
        place.mkdir(exist_ok=True)
        (place / f"{index:06d}.txt").write_text(f"{next(source)} {next(source)}\n")


def make_text(folder: Path, megabytes: int) -> None:
    """One text file of `megabytes` MB without a newline."""
    left = megabytes * 1_000_000
    with (folder / "one-line.txt").open("w") as file:
        for sentence in sentences():
            if len(sentence) >= left:
                return
            left -= file.write(sentence + " ")


def make_pdf(folder: Path, pages: int) -> None:
    """One PDF of `pages` full pages."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.utils import simpleSplit
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(folder / "pages.pdf"), pagesize=A4, pageCompression=1, invariant=True)
    canvas.setTitle("A long report")
    source = sentences()
    lines: list[str] = []
    for number in range(1, pages + 1):
        while len(lines) < _LINES:
            lines += simpleSplit(" ".join(islice(source, 20)), "Helvetica", 10, A4[0] - 100)
        canvas.setFont("Helvetica", 10)
        canvas.drawString(50, A4[1] - 40, f"A long report, page {number}")
        text = canvas.beginText(50, A4[1] - 70)
        text.textLines("\n".join(lines[:_LINES]))
        del lines[:_LINES]
        canvas.drawText(text)
        canvas.showPage()
    canvas.save()


def make_pubmed(folder: Path, megabytes: int) -> None:
    """A PubMed set of `megabytes` MB gzipped; one article in five has no abstract."""
    left = megabytes * 1_000_000
    articles = _articles()
    for number in count(1):
        path = folder / f"pubmed26n{number:04d}.xml.gz"
        with gzip.GzipFile(path, "wb", mtime=0) as file:
            file.write(b"<?xml version='1.0' encoding='utf-8'?>\n<PubmedArticleSet>\n")
            for article in islice(articles, _ARTICLES):
                file.write(article.encode())
                if file.fileobj.tell() > left:
                    break
            file.write(b"</PubmedArticleSet>\n")
        left -= path.stat().st_size
        if left <= 0:
            return


def _articles() -> Iterator[str]:
    source = sentences()
    draw = np.random.default_rng(SEED)
    for pmid in count(10_000_001):
        text = list(islice(source, 30))
        names = " ".join(text[14:]).replace(".", "").title().split()
        abstract = "".join(
            f'<AbstractText Label="{label}" NlmCategory="{label}">{" ".join(part)}</AbstractText>\n'
            for label, part in (
                ("BACKGROUND", text[1:4]),
                ("METHODS", text[4:8]),
                ("RESULTS", text[8:12]),
                ("CONCLUSIONS", text[12:14]),
            )
        )
        authors = "".join(
            f'<Author ValidYN="Y"><LastName>{last}</LastName><ForeName>{first}</ForeName>'
            f"<Initials>{first[0]}</Initials><AffiliationInfo><Affiliation>Department of {place}, "
            f"University of {town}.</Affiliation></AffiliationInfo></Author>\n"
            for last, first, place, town in zip(*[iter(names[:32])] * 4, strict=True)
        )
        mesh = "".join(
            f'<MeshHeading><DescriptorName UI="D{draw.integers(10**6):06d}" MajorTopicYN="N">{name}'
            "</DescriptorName></MeshHeading>\n"
            for name in names[32:44]
        )
        references = "".join(
            f"<Reference><Citation>{citation} {names[44]} J. 2019;{volume}</Citation>"
            f'<ArticleIdList><ArticleId IdType="pubmed">{number}</ArticleId></ArticleIdList>'
            "</Reference>\n"
            for citation, (volume, number) in zip(
                text[14:24], draw.integers(10**7, size=(10, 2)), strict=True
            )
        )
        yield (
            '<PubmedArticle><MedlineCitation Status="MEDLINE" Owner="NLM">'
            f'<PMID Version="1">{pmid}</PMID>\n<Article PubModel="Print">'
            f"<Journal><JournalIssue><Volume>{pmid % 97}</Volume><PubDate><Year>"
            f"{1990 + pmid % 35}</Year></PubDate></JournalIssue><Title>{names[45]} journal</Title>"
            f"</Journal>\n<ArticleTitle>{text[0]}</ArticleTitle>\n"
            f"{f'<Abstract>{abstract}</Abstract>' if pmid % 5 else ''}"
            f"<AuthorList>{authors}</AuthorList></Article>\n"
            f"<MeshHeadingList>{mesh}</MeshHeadingList></MedlineCitation>\n"
            f'<PubmedData><ArticleIdList><ArticleId IdType="pubmed">{pmid}</ArticleId>'
            f'<ArticleId IdType="doi">10.1000/{pmid}</ArticleId></ArticleIdList>\n'
            f"<ReferenceList>{references}</ReferenceList></PubmedData></PubmedArticle>\n"
        )


MAKERS = {
    "documents": make_documents,
    "text": make_text,
    "pdf": make_pdf,
    "pubmed": make_pubmed,
}
