"""A question in the words of an index: each kind of wording, in both directions, and its limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag import CorpusConfig, IndexConfig, PipelineConfig, RAGPipeline, RetrieverConfig
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.retrieval import Retriever
from medrag.retrieval.wording import Rewriter, as_asked
from medrag.stores.local.index import Index

TEXTS = {
    "metformin": "Metformin lowers blood glucose. Metformin may cause diarrhea and nausea.",
    "acetaminophen": "Acetaminophen lowers fever and relieves pain. Too much harms the liver.",
    "infarction": "Myocardial infarction needs aspirin at once.",
    "lung": "Chronic obstructive pulmonary disease (COPD) narrows the airways; smoking causes it.",
    "lung-2": "Chronic obstructive pulmonary disease is treated with tiotropium.",
    "lung-3": "Chronic obstructive pulmonary disease often comes with a cough.",
    "edema": "Edema of the legs is a sign of a tumor or of heart failure. Beta blockers slow it.",
    "edema-2": "Peripheral edema follows from amlodipine. Beta blockers and tumor lysis.",
    "angioedema": "Hydralazine lowers blood pressure. It is given with a diuretic.",
    "hydralazine": "Hydralazine may cause a lupus-like illness.",
    "tnf": "TNF alpha drives inflammation in type 2 diabetes.",
    "tnf-2": "TNF alpha is blocked by infliximab.",
    "own": "Zentrivax (dolutegravir) is taken once a day.",
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory, embedder: TextEmbedder) -> Path:
    root = tmp_path_factory.mktemp("wording")
    (root / "corpus").mkdir()
    for name, text in TEXTS.items():
        (root / "corpus" / f"{name}.txt").write_text(text, encoding="utf-8")
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(root / "corpus")]), index=IndexConfig(str(root / "index"))
    )
    IndexBuilder(config, embedder).mirror()
    return root / "index"


@pytest.fixture(scope="module")
def index(directory: Path) -> Iterator[Index]:
    with Index(directory) as opened:
        yield opened


@pytest.fixture(scope="module")
def rewriter(index: Index) -> Rewriter:
    return Rewriter(index)


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("Does metforman cause nausea?", "Does metformin cause nausea?"),
        ("METFORMAN?", "metformin?"),
        ("is diarhea common", "is diarrhea common"),
        ("Is Tylenol safe?", "Is acetaminophen safe?"),
        ("Is Tilenol safe?", "Is acetaminophen safe?"),
        ("paracetamol for fever", "acetaminophen for fever"),
        ("betablockers and edema", "beta blockers and edema"),
        ("which BetaBlockers", "which beta blockers"),
    ],
)
def test_what_the_index_lacks_is_read_as_what_it_has(
    rewriter: Rewriter, question: str, read: str
) -> None:
    found = rewriter.rewrite(question)
    assert found.question == read
    assert len(found.changes) == 1


@pytest.mark.parametrize(
    "question",
    [
        "Does metformin cause nausea?",
        "Is hydroxyzine sedating?",  # not hydralazine
        "Hydroxizine for itching",  # misspelt, and not hydralazine either
        "Is my grandmother unwashed on Tuesday, Mr Johansson?",
        "What about BRCA1 and METFX?",
        "",
        "?!",
        "肾功能 и сердце",
    ],
)
def test_what_is_right_or_unknown_stays(rewriter: Rewriter, question: str) -> None:
    found = rewriter.rewrite(question)
    assert all(read == "hydroxyzine" for _, read in found.changes)
    if not found.changes:
        assert found.question == question


@pytest.mark.parametrize(
    ("question", "asked", "other"),
    [
        ("heart attack", "heart attack", "myocardial infarction"),
        ("oedema of the legs", "oedema", "edema"),
        ("tumours", "tumours", "tumor"),
        ("water pill", "water pill", "diuretic"),
        ("COPD and smoking", "copd", "chronic obstructive pulmonary disease"),
        ("chronic obstructive pulmonary disease", "chronic obstructive pulmonary disease", "copd"),
        ("TNFα", "tnfα", "tnf alpha"),
        ("TNF α", "α", "alpha"),
        ("zentrivax", "zentrivax", "dolutegravir"),
    ],
)
def test_other_ways_are_searched_as_well(
    rewriter: Rewriter, question: str, asked: str, other: str
) -> None:
    found = dict(rewriter.rewrite(question).others)
    assert any(one.startswith(other) for one in found.get(asked, ())), found


def test_the_meaning_search_gets_the_name_that_most_texts_use(rewriter: Rewriter) -> None:
    assert "chronic obstructive pulmonary disease" in rewriter.rewrite("What is COPD?").embedded
    assert rewriter.rewrite("a heart attack?").embedded == (
        "a heart attack (myocardial infarction)?"
    )
    plain = "Does metformin cause nausea?"
    assert rewriter.rewrite(plain).embedded == plain


def test_everyday_words_are_no_abbreviations(tmp_path: Path, embedder: TextEmbedder) -> None:
    (tmp_path / "all.txt").write_text("Acute lymphoblastic leukemia (ALL) needs chemotherapy.")
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(tmp_path / "all.txt")]),
        index=IndexConfig(str(tmp_path / "index")),
    )
    IndexBuilder(config, embedder).mirror()
    with Index(config.index.dir) as index:
        rewriter = Rewriter(index)
        assert not rewriter.rewrite("What are all risks?").others
        assert dict(rewriter.rewrite("What is ALL?").others)["all"] == (
            "acute lymphoblastic leukemia",
        )


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("metforman", "metformin.txt"),
        ("heart attack", "infarction.txt"),
        ("paracetamol", "acetaminophen.txt"),
    ],
)
def test_words_find_what_is_called_otherwise(
    index: Index, embedder: TextEmbedder, question: str, document: str
) -> None:
    lexical = RetrieverConfig(mode="lexical")  # type: ignore[arg-type]
    assert [hit.document for hit in Retriever(index, embedder, lexical).retrieve(question)][:1] == [
        document
    ]
    lexical.wording = False
    plain = Retriever(index, embedder, lexical)
    assert document not in [hit.document for hit in plain.retrieve(question)]
    assert plain.wording_of(question) == as_asked(question)


def test_three_words_for_one_count_no_more_than_it(index: Index) -> None:
    ((_, alone),) = index.search_words(["copd"], 1)
    ways = (("copd",), ("chronic", "obstructive", "pulmonary", "disease"))
    scores = dict(index.search_words([ways], 9))
    assert max(scores.values()) <= 1.5 * alone  # the length of a text matters a little
    assert len(scores) == 3
    # The words of another way are needed all.
    assert len(index.search_words([(("unheard",), ("chronic", "nausea"))], 9)) == 0


def test_an_answer_says_what_was_read(directory: Path, embedder: TextEmbedder) -> None:
    config = PipelineConfig(index=IndexConfig(str(directory)))
    with RAGPipeline(config, embedder=embedder) as rag:
        answer = rag.query("What does metforman lower?")
        assert "read “metforman” as “metformin”" in answer.warnings
        assert answer.question == "What does metforman lower?"
        assert not answer.abstained and "glucose" in answer.answer
        assert not any("read “" in one for one in rag.query("What does metformin lower?").warnings)


TYPED = ["COPD", "metforman", "Tylenol", "α-β", "heart", "attack", "\\1", "(", "Ⅱ", "type ii"]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60) | st.lists(st.sampled_from(TYPED)).map(" ".join))
def test_anything_may_be_typed(rewriter: Rewriter, question: str) -> None:
    once = rewriter.rewrite(question)
    assert once == rewriter.rewrite(question)
    assert rewriter.rewrite(once.question).question == once.question
    for one in once.searched:
        assert one and (isinstance(one, str) or all(all(way) and way for way in one))


@pytest.mark.parametrize(
    ("question", "texts", "read"),
    [
        ("How is COPD treated?", ["Chronic obstructive pulmonary disease (COPD)."], True),
        (
            "How is COPD treated?",
            ["COPD.", "COPD.", "Chronic obstructive pulmonary disease."],
            False,
        ),
        ("What does COPD stand for?", ["Chronic obstructive pulmonary disease."], False),
        ("Is COPD chronic obstructive pulmonary disease?", ["COPD and emphysema."], False),
        ("How is COPD treated?", ["Nothing of it."], False),
    ],
)
def test_the_evidence_is_weighed_by_the_name_that_it_has(
    rewriter: Rewriter, question: str, texts: list[str], read: bool
) -> None:
    meaning = "chronic obstructive pulmonary disease"
    changed = (question.replace("COPD", meaning), (("COPD", meaning),))
    assert rewriter.rewrite(question).as_named_in(texts) == (changed if read else (question, ()))


def test_a_brand_in_a_question_is_read_as_the_drug(rewriter: Rewriter) -> None:
    read = rewriter.rewrite("Is it safe to take Zentrivax daily?")
    assert read.as_named_in(["Zentrivax (dolutegravir)."])[1] == (("Zentrivax", "dolutegravir"),)
    assert rewriter.rewrite("Is metformin safe?").as_named_in(["Acetaminophen."])[1] == ()


def test_contractions_are_searched_in_full(index: Index, embedder: TextEmbedder) -> None:
    retriever = Retriever(index, embedder, RetrieverConfig())
    assert retriever.wording_of("What's metformin?") == retriever.wording_of("What is metformin?")
