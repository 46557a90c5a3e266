"""PubMed records: what each element becomes, revisions, deletions and notices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medrag import CorpusConfig
from medrag.ingestion import read_documents
from medrag.types import Deleted, Document, Flag, Rejected

# Elements of NLM's DTD that carry text, each with a word of its own.
RECORD = """
<PubmedArticle><MedlineCitation><PMID Version="3">5</PMID>
<DateRevised><Year>2025</Year><Month>3</Month><Day>9</Day></DateRevised>
<Article><Journal><Title>wjournal</Title></Journal><ArticleTitle>wtitle</ArticleTitle>
<Abstract><AbstractText Label="RESULTS">wabstract <b>wbold</b> 10<sup>9</sup>/L</AbstractText>
<CopyrightInformation>wcopyright</CopyrightInformation></Abstract>
<AuthorList><Author><LastName>wlast</LastName><ForeName>wfore</ForeName>
<AffiliationInfo><Affiliation>waffiliation</Affiliation></AffiliationInfo></Author>
<Author><CollectiveName>wcollective</CollectiveName></Author></AuthorList>
<Language>wlanguage</Language>
<DataBankList><DataBank><AccessionNumberList><AccessionNumber>wtrial</AccessionNumber>
</AccessionNumberList></DataBank></DataBankList>
<GrantList><Grant><Agency>wgrant</Agency></Grant></GrantList>
<PublicationTypeList><PublicationType>wtype</PublicationType></PublicationTypeList>
<VernacularTitle>wvernacular</VernacularTitle></Article>
<ChemicalList><Chemical><NameOfSubstance>wsubstance</NameOfSubstance></Chemical></ChemicalList>
<SupplMeshList><SupplMeshName>wsupplementary</SupplMeshName></SupplMeshList>
<CommentsCorrectionsList><CommentsCorrections RefType="UpdateOf"><RefSource>wupdate</RefSource>
<Note>wnote</Note></CommentsCorrections></CommentsCorrectionsList>
<GeneSymbolList><GeneSymbol>wgene</GeneSymbol></GeneSymbolList>
<MeshHeadingList><MeshHeading><DescriptorName>wmesh</DescriptorName></MeshHeading></MeshHeadingList>
<PersonalNameSubjectList><PersonalNameSubject><LastName>wsubject</LastName></PersonalNameSubject>
</PersonalNameSubjectList>
<OtherAbstract Type="plain-language-summary" Language="eng"><AbstractText>wplain</AbstractText>
</OtherAbstract>
<OtherAbstract Type="Publisher" Language="spa"><AbstractText>wspanish</AbstractText></OtherAbstract>
<KeywordList><Keyword>wkeyword</Keyword></KeywordList>
<CoiStatement>winterest</CoiStatement>
<InvestigatorList><Investigator><LastName>winvestigator</LastName></Investigator></InvestigatorList>
<GeneralNote>wgeneral</GeneralNote></MedlineCitation>
<PubmedData><ReferenceList><Reference><Citation>wreference</Citation></Reference></ReferenceList>
</PubmedData></PubmedArticle>
"""
LEFT_OUT = {
    "wcopyright": "copyright notices",
    "waffiliation": "affiliations",
    "wgrant": "grants",
    "wsubject": "persons written about",
    "winterest": "statements of interests",
    "winvestigator": "investigators",
    "wgeneral": "notes of the cataloguer",
    "wreference": "references",
}


def items(folder: Path, records: str) -> list[Document | Rejected | Deleted]:
    path = folder / "set.xml"
    path.write_text(f"<PubmedArticleSet>{records}</PubmedArticleSet>")
    return list(read_documents(path, "set.xml", CorpusConfig()))


def record(
    pmid: int, abstract: str = "", more: str = "", types: str = "", version: str = "1"
) -> str:
    text = f"<Abstract><AbstractText>{abstract}</AbstractText></Abstract>" if abstract else ""
    return (
        f'<PubmedArticle><MedlineCitation><PMID Version="{version}">{pmid}</PMID><Article>'
        f"<ArticleTitle>Title {pmid}</ArticleTitle>{text}"
        f"<PublicationTypeList>{types}</PublicationTypeList></Article>"
        f"<CommentsCorrectionsList>{more}</CommentsCorrectionsList></MedlineCitation>"
        "</PubmedArticle>"
    )


def relation(kind: str) -> str:
    return (
        f'<CommentsCorrections RefType="{kind}"><RefSource>Some Journal. 2025;1:2</RefSource>'
        "<PMID>99</PMID></CommentsCorrections>"
    )


def test_every_element_is_read_or_counted(tmp_path: Path) -> None:
    (document,) = items(tmp_path, RECORD)
    assert isinstance(document, Document)
    text = " ".join(block.text for block in document.blocks)
    shown = f"{document.title} {text} {json.dumps(document.metadata)}"
    words = {word.strip("<>/.,") for word in RECORD.replace("<", " <").replace(">", "> ").split()}
    words = {word for word in words if word.startswith("w")}
    assert len(words) > 25
    for word in words:
        reason = LEFT_OUT.get(word)
        assert (word in shown) is (reason is None), word
        assert reason is None or document.left_out[reason] == 1
    assert "10^9/L" in text


def test_sections_of_abstracts(tmp_path: Path) -> None:
    (document,) = items(tmp_path, RECORD)
    assert isinstance(document, Document)
    sections = {block.text.split()[0]: block.section for block in document.blocks}
    assert sections["wabstract"] == "Results"
    assert sections["wplain"] == "Plain language summary"
    assert sections["wspanish"] == "Other abstract (spa)"


def test_a_newer_version_or_a_later_date_is_the_greater_version(tmp_path: Path) -> None:
    date = "<DateRevised><Year>{}</Year><Month>{}</Month><Day>1</Day></DateRevised>"
    first = record(1, "a").replace("<Article>", date.format(2024, 9) + "<Article>", 1)
    later = record(1, "b").replace("<Article>", date.format(2024, 11) + "<Article>", 1)
    newer = record(1, "c", version="2")
    tenth = record(1, "d", version="10")
    versions = [item.version for item in items(tmp_path, first + later + newer + tenth)]  # type: ignore[union-attr]
    assert versions == sorted(versions)
    assert len(set(versions)) == 4


def test_withdrawn_records(tmp_path: Path) -> None:
    withdrawn = (
        '<DeleteCitation><PMID Version="1">7</PMID><PMID Version="2">8</PMID></DeleteCitation>'
    )
    seven, eight = items(tmp_path, withdrawn)
    assert isinstance(seven, Deleted) and isinstance(eight, Deleted)
    assert (seven.id, eight.id) == ("PMID:7", "PMID:8")
    (first,) = items(tmp_path, record(7, "x"))
    (second,) = items(tmp_path, record(7, "x", version="2"))
    assert isinstance(first, Document) and isinstance(second, Document)
    assert first.version <= seven.version < second.version


@pytest.mark.parametrize(
    ("more", "types", "flag"),
    [
        (relation("RetractionIn"), "", Flag.retracted),
        ("", "<PublicationType>Retracted Publication</PublicationType>", Flag.retracted),
        (relation("ErratumIn"), "", Flag.corrected),
        (relation("ExpressionOfConcernIn"), "", Flag.concern),
        (relation("UpdateIn"), "", Flag.superseded),
        (relation("CommentIn"), "<PublicationType>Review</PublicationType>", None),
    ],
)
def test_what_happened_to_an_article_is_a_flag(
    tmp_path: Path, more: str, types: str, flag: Flag | None
) -> None:
    (document,) = items(tmp_path, record(1, "Text of it.", more, types))
    assert isinstance(document, Document)
    assert document.flags == ({flag} if flag else set())
    related = [one["type"] for one in document.metadata.get("related", ())]
    assert related == ([more.split('"')[1]] if more and flag else [])


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("RetractionOf", "Retraction of: Some Journal. 2025;1:2, PMID 99."),
        ("ErratumFor", "Erratum for: Some Journal. 2025;1:2, PMID 99."),
        ("ExpressionOfConcernFor", "Expression of concern for: Some Journal. 2025;1:2, PMID 99."),
    ],
)
def test_a_notice_is_kept_without_an_abstract(tmp_path: Path, kind: str, text: str) -> None:
    (document,) = items(tmp_path, record(2, more=relation(kind)))
    assert isinstance(document, Document)
    assert [block.text for block in document.blocks] == [text]
    assert not document.flags  # it is not retracted itself


@pytest.mark.parametrize("type_", ["Retraction of Publication", "Published Erratum"])
def test_a_notice_is_known_by_its_type_too(tmp_path: Path, type_: str) -> None:
    types = f"<PublicationType>{type_}</PublicationType>"
    (document,) = items(tmp_path, record(3, types=types))
    assert isinstance(document, Document)
    assert [block.text for block in document.blocks] == ["Title 3"]


@pytest.mark.parametrize(
    "title", ["RETRACTED: A trial", "Withdrawn: A review", "A trial [Retracted]"]
)
def test_a_title_may_say_that_an_article_was_retracted(tmp_path: Path, title: str) -> None:
    (document,) = items(tmp_path, record(1, "Text.").replace("Title 1", title))
    assert isinstance(document, Document)
    assert document.flags == {Flag.retracted}
    (document,) = items(tmp_path, record(1, "Text.").replace("Title 1", "Retracted needles: cases"))
    assert isinstance(document, Document)
    assert not document.flags


def test_other_records_without_an_abstract_are_rejected(tmp_path: Path) -> None:
    plain, revised = items(tmp_path, record(3) + record(4, version="2"))
    assert plain == Rejected("PMID:3", "no abstract")
    assert isinstance(revised, Document)  # it replaces a version that may have had one
    assert [block.text for block in revised.blocks] == ["Title 4"]
