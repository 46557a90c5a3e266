"""Certificates: written with an answer, and checked after the documents or the file changed."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from medrag import (
    Answer,
    CacheConfig,
    ChunkingConfig,
    CorpusConfig,
    GeneratorConfig,
    GroundingConfig,
    IndexConfig,
    PipelineConfig,
    RAGPipeline,
    verify,
)
from medrag.certificates import Certificate, certify, read, text_sha256, write
from medrag.config import GeneratorKind
from medrag.errors import (
    ArtefactError,
    ConfigError,
    DiskError,
    FormatError,
    MedragError,
    MismatchError,
)
from medrag.generation.prompts import Pieces, Prompt, Reply
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.manifest import model_identity
from medrag.stores import open_index
from medrag.stores.local.database import DATABASE
from medrag.types import AnswerStatus, Citation, Contradiction
from medrag.verify import Verification
from tests.conftest import BACKENDS
from tests.ingestion.test_pubmed import record, relation

ROOT = Path(__file__).resolve().parents[1]

GOUT = (
    "Gout\n\nGout is caused by crystals of uric acid in a joint. A first attack often strikes the "
    "big toe.\n\nAllopurinol is started at 100 mg daily and prevents further attacks of gout. It "
    "is continued for life."
)
DOSE = "Allopurinol is started at 100 mg daily and prevents further attacks of gout."
SEPSIS = "Drug Q halves mortality in sepsis."
ASTHMA = "Asthma\n\nSalbutamol opens the airways within minutes."
QUESTIONS = {
    "gout": "At what dose is allopurinol started to prevent attacks of gout?",
    "sepsis": "Does drug Q lower mortality in sepsis?",
    "refusal": "Who won the football match in Paris yesterday?",
}


@pytest.fixture(scope="module")
def minilm() -> TextEmbedder:
    # One is enough: a certificate does not depend on the backend.
    return TextEmbedder(BACKENDS["onnxruntime"])


def settings_of(root: Path, **others: Any) -> PipelineConfig:
    return PipelineConfig(
        corpus=CorpusConfig(paths=[str(root / "corpus")], workers=1),
        index=IndexConfig(dir=str(root / "index")),
        cache=CacheConfig(embeddings=""),
        **others,
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, minilm: TextEmbedder) -> Path:
    """A corpus, its index, and the certificate of each question in `answers/`."""
    root = tmp_path_factory.mktemp("certificates")
    (root / "corpus").mkdir()
    (root / "corpus/gout.txt").write_text(GOUT)
    (root / "corpus/asthma.txt").write_text(ASTHMA)
    write_sepsis(root)
    config = settings_of(root)
    IndexBuilder(config, minilm).mirror()
    with RAGPipeline(config, minilm) as rag:
        for name, question in QUESTIONS.items():
            answer = rag.query(question)
            assert answer.abstained == (name == "refusal"), answer
            write(root / "answers" / f"{name}.json", certify(rag, answer))
    return root


def write_sepsis(root: Path, more: str = "") -> None:
    text = f"<PubmedArticleSet>{record(1, SEPSIS, more)}</PubmedArticleSet>"
    (root / "corpus/set.xml").write_text(text)


@pytest.fixture
def root(original: Path, tmp_path: Path) -> Path:
    """A copy of all that, elsewhere."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


@pytest.fixture
def rebuild(root: Path, minilm: TextEmbedder) -> Callable[[], None]:
    return lambda: (IndexBuilder(settings_of(root), minilm).mirror(), None)[1]


def checked(root: Path, name: str = "gout") -> dict[str, tuple[str, str]]:
    """Verdict and reason by what was checked."""
    found = verify.run(root / "answers" / f"{name}.json").findings
    return {one.subject: (one.verdict.value, one.reason) for one in found}


def broken(findings: dict[str, tuple[str, str]]) -> dict[str, str]:
    return {
        subject: reason for subject, (verdict, reason) in findings.items() if verdict != "holds"
    }


def content(root: Path, name: str = "gout") -> Any:
    return json.loads((root / "answers" / f"{name}.json").read_text())


def edit(root: Path, change: Callable[[Any], None], name: str = "gout") -> None:
    """Edit a certificate as with a text editor: its SHA-256 stays."""
    edited = content(root, name)
    change(edited)
    (root / "answers" / f"{name}.json").write_text(json.dumps(edited))


def forge(root: Path, change: Callable[[Certificate], Certificate], name: str = "gout") -> None:
    """Write another certificate in its place, with a SHA-256 that fits."""
    path = root / "answers" / f"{name}.json"
    write(path, change(read(path)[0]))


def printed(verification: Verification, capsys: pytest.CaptureFixture[str]) -> str:
    verify.show(verification)
    return capsys.readouterr().out


# ------------------------------------------------------------------ what it says


def test_a_certificate_says_what_the_answer_rests_on(original: Path) -> None:
    found = content(original)
    assert (found["question"], found["status"]) == (QUESTIONS["gout"], "answered")
    assert found["answer"] == f"{DOSE} [1]"
    (statement,) = found["statements"]
    assert (statement["text"], statement["citations"]) == (DOSE, [1])
    (source,) = found["sources"]
    with open_index(original / "index") as index:
        text = index.document_text("gout.txt")
        assert text is not None
        assert found["index"]["fingerprint"] == index.fingerprint
        assert found["index"]["counts"] == asdict(index.counts)
        for hit in found["hits"]:
            whole = index.document_text(hit["document"]) or ""
            span = whole[hit["start"] : hit["end"]]
            assert hit["sha256"] == sha256(span.encode()).hexdigest()
    assert source["document"] == "gout.txt"
    assert text[source["start"] : source["end"]] == source["text"] == DOSE
    assert source["sha256"] == sha256(DOSE.encode()).hexdigest()
    assert source["document_sha256"] == sha256(text.encode()).hexdigest()
    assert (found["index"]["location"], found["index"]["generation"]) == ("../index", 1)
    assert found["settings"]["grounding"]["min_support"] == GroundingConfig().min_support
    assert found["settings"]["retriever"]["k"] == 5
    assert found["generator"] == "extractive"


def test_nothing_has_changed(original: Path) -> None:
    for name in QUESTIONS:
        found = verify.run(original / "answers" / f"{name}.json")
        assert found.conclusion == "Everything holds."
        assert found.careful == ()
    assert list(checked(original)) == [
        "certificate", "index", "document gout.txt", "flags of gout.txt", "source [1]",
        "statement 1", "passages found",
    ]  # fmt: skip
    assert list(checked(original, "refusal")) == ["certificate", "index", "passages found"]


def test_a_tree_that_was_moved_is_found(root: Path, original: Path) -> None:
    where = verify.run(root / "answers/gout.json").certificate.index.location
    assert where == str(root / "index") != str(original / "index")
    assert broken(checked(root)) == {}


class Model:
    """A generator that rewords what it was given, and adds what it was not."""

    reads_messages = True

    def __init__(self, reply: str) -> None:
        self.reply = reply

    def generate(self, prompt: Prompt) -> Reply:
        return Reply(self.reply)

    def stream(self, prompt: Prompt) -> Pieces:
        yield self.reply
        return self.generate(prompt)

    def close(self) -> None: ...


def asked(
    root: Path, minilm: TextEmbedder, reply: str, name: str = "gout", **others: Any
) -> tuple[Answer, Certificate]:
    """What a model says in reply to a question, certified."""
    with RAGPipeline(settings_of(root, **others), minilm, Model(reply)) as rag:
        answer = rag.query(QUESTIONS[name])
        certificate = certify(rag, answer)
    write(root / "answers" / f"{name}.json", certificate)
    return answer, certificate


def test_reworded_statements_and_removed_ones(root: Path, minilm: TextEmbedder) -> None:
    reply = "Allopurinol prevents attacks of gout. It cures baldness."
    answer, certificate = asked(root, minilm, reply)
    assert answer.unsupported == ("It cures baldness.",)
    assert certificate.statements == answer.sentences
    assert certificate.generator == "Model"
    assert broken(checked(root)) == {}
    edit_text(root, "prevents further attacks", "does not prevent further attacks")
    IndexBuilder(settings_of(root), minilm).mirror()
    assert checked(root)["statement 1"][0] == "does not hold"
    assert "statement 2" not in checked(root)  # it is no part of the answer


def test_no_secret_is_written(root: Path, minilm: TextEmbedder) -> None:
    generator = GeneratorConfig(
        GeneratorKind.openai,
        model="some-model",
        base_url="http://user:hunter2@host/v1?key=hunter2",
        api_key_env="HUNTER2",
    )
    asked(root, minilm, DOSE, generator=generator)
    text = (root / "answers/gout.json").read_text()
    assert "hunter2" not in text.lower()
    assert "host/v1" in text


def test_half_a_character_is_written_as_a_question_mark(root: Path) -> None:
    forge(root, lambda certificate: replace(certificate, warnings=("\ud83d",)))
    assert content(root)["warnings"] == ["?"]
    assert broken(checked(root)) == {}


def test_an_answer_of_another_index_is_not_certified(
    root: Path, minilm: TextEmbedder, rebuild: Callable[[], None]
) -> None:
    for name in ("gout", "refusal"):  # an abstention rests on its hits
        with RAGPipeline(settings_of(root), minilm) as rag:
            answer = rag.query(QUESTIONS[name])
        edit_text(root, "uric acid", f"{name} uric acid")
        rebuild()
        with (
            RAGPipeline(settings_of(root), minilm) as rag,
            pytest.raises(MismatchError, match=r"gout\.txt does not say the same.*ask again"),
        ):
            certify(rag, answer)


def test_what_speaks_against_an_answer(
    root: Path, minilm: TextEmbedder, rebuild: Callable[[], None]
) -> None:
    with RAGPipeline(settings_of(root), minilm) as rag:
        answer = rag.query(QUESTIONS["gout"])
        text = rag.index.document_text("PMID:1") or ""
        start = text.index(SEPSIS)
        span = start, start + len(SEPSIS)
        against = Citation(2, "PMID:1", "Title 1", SEPSIS, *span, None, "", "", 0.5)
        answer = replace(
            answer,
            contradicting=(Contradiction(DOSE, "another dose", against),),
            missing=("maximum",),
            warnings=("cut",),
        )
        write(root / "answers/gout.json", certify(rag, answer))
    found, intact = read(root / "answers/gout.json")
    assert intact
    assert (found.status, found.missing, found.warnings) == (
        AnswerStatus.conflict,
        ("maximum",),
        ("cut",),
    )
    assert broken(checked(root)) == {}
    (root / "corpus/set.xml").unlink()
    rebuild()
    assert broken(checked(root)).keys() >= {"document PMID:1", "source [2]"}
    assert checked(root)["source [1]"][0] == "holds"


# ------------------------------------------------------------------ what changes


def edit_text(root: Path, old: str, new: str) -> None:
    path = root / "corpus/gout.txt"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_revised_sentence(root: Path, rebuild: Callable[[], None]) -> None:
    edit_text(root, "100 mg", "200 mg")
    rebuild()
    found = broken(checked(root))
    assert found == {
        "index": found["index"],
        "document gout.txt": "its text has changed",
        "source [1]": "its document no longer says it; it was at characters 95–171",
        "statement 1": "the source says 200 mg, not 100 mg",
        "passages found": f"1 of {len(content(root)['hits'])} are not there any more: gout.txt",
    }
    assert "has changed (generation 1, now 2)" in found["index"]
    assert checked(root)["index"][0] == "cannot be checked"
    assert verify.run(root / "answers/gout.json").conclusion == (
        "4 of 7 things no longer hold; 1 cannot be checked."
    )


def test_a_sentence_that_goes_on_after_the_cited_one(
    root: Path, rebuild: Callable[[], None]
) -> None:
    edit_text(root, DOSE, DOSE.replace("attacks", "attacks and tophi"))
    rebuild()
    found = checked(root)
    assert found["source [1]"][0] == "does not hold"
    assert found["statement 1"] == ("holds", "still supported, but not in the words of [1]")


def test_a_removed_document(root: Path, rebuild: Callable[[], None]) -> None:
    (root / "corpus/gout.txt").unlink()
    rebuild()
    found = broken(checked(root))
    assert found["document gout.txt"] == "it is no longer in the index"
    assert found["source [1]"] == "it is gone with its document"
    assert found["statement 1"] == "its sources are gone"
    assert checked(root)["flags of gout.txt"][0] == "cannot be checked"


def test_a_text_before_it(root: Path, rebuild: Callable[[], None]) -> None:
    start = content(root)["sources"][0]["start"]
    edit_text(root, "Gout is caused", "Gout is common.\n\nGout is caused")
    rebuild()
    found = checked(root)
    new, size = start + len("Gout is common.\n\n"), len(DOSE)
    was = f"characters {start}–{start + size}"
    assert found["document gout.txt"] == ("does not hold", "its text has changed")
    assert found["source [1]"] == (
        "does not hold",
        f"it has moved to characters {new}–{new + size} from {was}",
    )
    assert found["statement 1"] == ("holds", "supported by [1]")


def test_the_nearest_of_several_places(root: Path, rebuild: Callable[[], None]) -> None:
    edit_text(root, DOSE, f"So {DOSE}\n\nOften.\n\n{DOSE}")
    rebuild()
    start = content(root)["sources"][0]["start"]
    assert f"moved to characters {start + 3}–" in checked(root)["source [1]"][1]


def test_a_text_behind_it(root: Path, rebuild: Callable[[], None]) -> None:
    edit_text(root, "It is continued for life.", "It is continued for years.")
    rebuild()
    found = checked(root)
    assert found["document gout.txt"] == ("does not hold", "its text has changed")
    assert found["source [1]"][0] == "holds"


def test_another_document(root: Path, rebuild: Callable[[], None]) -> None:
    """It is nothing that the answer rests on, but the index is not the same any more."""
    (root / "corpus/new.txt").write_text("Measles\n\nMeasles is spread through the air.")
    rebuild()
    assert list(broken(checked(root))) == ["index"]
    found = verify.run(root / "answers/gout.json")
    assert found.conclusion == "Everything that can be checked holds; 1 of 7 things cannot."


def test_a_passage_that_was_found_but_not_cited(root: Path, rebuild: Callable[[], None]) -> None:
    assert any(hit["document"] == "asthma.txt" for hit in content(root, "refusal")["hits"])
    (root / "corpus/asthma.txt").write_text("Asthma\n\nThe inhaler opens the airways.")
    rebuild()
    told = broken(checked(root, "refusal"))["passages found"]
    assert told.endswith("are not there any more: asthma.txt")


@pytest.mark.parametrize(
    ("kind", "flag"),
    [
        ("RetractionIn", "retracted"),
        ("ErratumIn", "corrected"),
        ("ExpressionOfConcernIn", "expression of concern"),
        ("UpdateIn", "superseded"),
    ],
)
def test_what_became_of_an_article(
    root: Path, minilm: TextEmbedder, rebuild: Callable[[], None], kind: str, flag: str
) -> None:
    write_sepsis(root, relation(kind))
    rebuild()
    found = checked(root, "sepsis")
    assert found["flags of PMID:1"] == ("does not hold", f"now {flag}")
    assert found["source [1]"][0] == "holds"
    if flag == "retracted":
        return  # nothing rests on it any more
    with RAGPipeline(settings_of(root), minilm) as rag:
        write(root / "answers/later.json", certify(rag, rag.query(QUESTIONS["sepsis"])))
    assert checked(root, "later")["flags of PMID:1"] == ("holds", f"{flag}, as before")
    write_sepsis(root)
    rebuild()
    assert checked(root, "later")["flags of PMID:1"] == ("does not hold", f"no longer {flag}")


def test_a_retraction_is_the_first_thing_said(
    root: Path,
    minilm: TextEmbedder,
    rebuild: Callable[[], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_sepsis(root, relation("RetractionIn"))
    rebuild()
    file = root / "answers/sepsis.json"
    first, *_ = printed(verify.run(file), capsys).splitlines()
    assert first == "Careful: PMID:1, cited as [1], has been retracted since."
    # Earlier versions cited retracted articles.
    certificate, _ = read(file)
    (source,) = certificate.sources
    write(file, replace(certificate, sources=(replace(source, flags=("retracted",)),)))
    shutil.rmtree(root / "index")  # then the certificate still knows
    first, *_ = printed(verify.run(file), capsys).splitlines()
    assert first == (
        "Careful: PMID:1, cited as [1], was retracted already when the answer was given."
    )


def test_a_span_that_is_cut_in_two(root: Path, minilm: TextEmbedder) -> None:
    """Another chunking may cut within a span; then the chunks that hold it are read together."""
    long = f"Allopurinol, {'which is an old and cheap drug, ' * 12}is started at 100 mg daily."
    edit_text(root, DOSE, long)
    for tokens in (256, 48):
        config = settings_of(root, chunking=ChunkingConfig(max_tokens=tokens))
        config.index.rebuild = True
        IndexBuilder(config, minilm).mirror()
        if tokens == 256:
            with RAGPipeline(config, minilm) as rag:
                answer = rag.query("At what dose is allopurinol started?")
                assert [one.text for one in answer.sources] == [long]
                write(root / "answers/gout.json", certify(rag, answer))
    assert broken(checked(root)).keys() == {"index"}


# ------------------------------------------------------------------ what was tampered with


EDITS: list[Callable[[Any], None]] = [
    lambda found: found.update(answer="Take 300 mg. [1]"),
    lambda found: found["settings"]["grounding"].update(min_support=0.4),
    lambda found: found.update(confidence=0.99),
    lambda found: found["sources"][0].update(text=DOSE.replace("100", "300")),
    lambda found: found["index"].update(location="../../copy/index"),
    lambda found: found.update(note="checked by hand"),
    lambda found: found.pop("sha256"),
]


@pytest.mark.parametrize("change", EDITS)
def test_an_edited_certificate_is_noticed(root: Path, change: Callable[[Any], None]) -> None:
    edit(root, change)
    assert checked(root)["certificate"] == ("does not hold", "it was edited after it was written")


def test_the_layout_of_the_file_does_not_matter(root: Path) -> None:
    path = root / "answers/gout.json"
    found = content(root)
    path.write_text(json.dumps(dict(reversed(found.items())), indent=8))
    assert broken(checked(root)) == {}


def test_a_forged_certificate_still_has_to_say_what_the_documents_say(root: Path) -> None:
    """Whoever edits a certificate can also compute its SHA-256 again."""

    def statement(certificate: Certificate, **changes: Any) -> Certificate:
        (one,) = certificate.statements
        return replace(certificate, statements=(replace(one, **changes),))

    def source(certificate: Certificate, **changes: Any) -> Certificate:
        (one,) = certificate.sources
        return replace(certificate, sources=(replace(one, **changes),))

    told = DOSE.replace("100", "300")
    forgeries: list[tuple[Callable[[Certificate], Certificate], str, str]] = [
        (
            lambda one: statement(one, text=told),
            "statement 1",
            "the source says 100 mg, not 300 mg",
        ),
        (
            lambda one: statement(one, text="A first attack often strikes the big toe."),
            "statement 1",
            "another sentence than [1] says it",
        ),
        (lambda one: statement(one, citations=()), "statement 1", "it cites nothing"),
        (
            lambda one: statement(one, citations=(7,)),
            "statement 1",
            "it cites [7], which is not in the certificate",
        ),
        (
            lambda one: source(one, text=told),
            "source [1]",
            "its text and its hash in the certificate differ",
        ),
        (
            lambda one: source(one, text=told, sha256=text_sha256(told)),
            "source [1]",
            "its document no longer says it; it was at characters 95–171",
        ),
        (lambda one: source(one, text="", sha256=text_sha256("")), "source [1]", "no longer"),
        (
            lambda one: source(one, end=200),
            "source [1]",
            "characters 95–171 from characters 95–200",
        ),
        (lambda one: source(one, document="none.txt"), "document none.txt", "no longer in"),
        (lambda one: source(one, flags=("retracted",)), "flags of gout.txt", "no longer retracted"),
    ]
    path = root / "answers/gout.json"
    original = path.read_bytes()
    for change, subject, reason in forgeries:
        path.write_bytes(original)
        forge(root, change)
        found = broken(checked(root))
        assert "certificate" not in found
        assert reason in found[subject]


def test_an_entailment_model_is_not_asked(root: Path, minilm: TextEmbedder) -> None:
    """What it judged cannot be checked, except quotations and what the rules refuse."""
    reply = f"{DOSE}\nAllopurinol prevents attacks of gout."
    _, certificate = asked(root, minilm, reply)
    path = root / "answers/gout.json"
    verifier = replace(certificate.settings.grounding, verifier="some/model")
    judged = replace(certificate, settings=replace(certificate.settings, grounding=verifier))
    write(path, judged)
    assert broken(checked(root)) == {
        "statement 2": "an entailment model judged it, which is not asked here"
    }
    first, second = judged.statements
    other = replace(second, text="Allopurinol does not prevent attacks of gout.")
    write(path, replace(judged, statements=(first, other)))
    assert checked(root)["statement 2"][0] == "does not hold"


# ------------------------------------------------------------------ the index and the models


def test_an_index_that_is_gone_or_damaged(root: Path) -> None:
    with (root / "index" / DATABASE).open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        for place in range(8192, size, 512):
            file.seek(place)
            file.write(random.Random(place).randbytes(64))
    for told in ("damaged", f"no index in {root}/index; make one with: "):
        found = checked(root)
        assert found.pop("certificate")[0] == "holds"
        verdict, reason = found.pop("index")
        assert verdict == "does not hold"
        assert told in reason
        assert set(found.values()) == {("cannot be checked", "the index cannot be used")}
        shutil.rmtree(root / "index", ignore_errors=True)


def test_the_index_to_look_at_can_be_named(root: Path, tmp_path: Path) -> None:
    (root / "index").rename(tmp_path / "elsewhere")
    assert broken(checked(root)).keys() >= {"index"}
    found = verify.run(root / "answers/gout.json", IndexConfig(dir=str(tmp_path / "elsewhere")))
    assert found.conclusion == "Everything holds."


def test_the_folder_of_a_model(root: Path, minilm: TextEmbedder) -> None:
    folder = root / "models/adapter"
    folder.mkdir(parents=True)
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(b"weights")
    generator = GeneratorConfig(GeneratorKind.hf, model="some/model", adapter=str(folder))
    with RAGPipeline(settings_of(root), minilm) as rag:
        answer = rag.query(QUESTIONS["gout"])
    with RAGPipeline(settings_of(root, generator=generator), minilm) as rag:
        write(root / "answers/gout.json", certify(rag, answer))
    assert content(root)["generator"] == "hf"
    models = content(root)["models"]
    assert models["generator"] == {"name": "some/model", "weights": ""}
    assert models["adapter"]["name"] == "../models/adapter"
    assert models["adapter"]["weights"] == model_identity(str(folder)).rpartition("@")[2]

    verdict, reason = checked(root)["adapter"]
    assert (verdict, reason.endswith("adapter are unchanged")) == ("holds", True)
    weights.write_bytes(b"others")
    verdict, reason = checked(root)["adapter"]
    assert (verdict, reason.endswith("adapter have changed")) == ("does not hold", True)
    shutil.rmtree(folder)
    verdict, reason = checked(root)["adapter"]
    assert (verdict, reason.startswith("there is no folder ")) == ("cannot be checked", True)
    assert "generator" not in checked(root)  # nothing is known of a model of the hub


# ------------------------------------------------------------------ files that are none


def test_a_file_that_cannot_be_written(root: Path) -> None:
    certificate, _ = read(root / "answers/gout.json")
    (root / "file").write_text("")
    for path in (root, root / "file/certificate.json"):
        with pytest.raises(DiskError, match=str(path)):
            write(path, certificate)


GOOD = '{"kind": "answer certificate", "schema": 1'
NO_CERTIFICATES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"\xff\xfe\x00",
    b'{"kind": "index", "schema": 1}',
    f"{GOOD}}}".encode(),
    f'{GOOD}, "schema": 1}}'.encode(),  # twice
    f'{GOOD}, "question": "\\ud800"}}'.encode(),
    f'{GOOD}, "a": {"[" * 100_000}'.encode(),
    f'{GOOD}, "a": {"[" * 900}{"]" * 900}}}'.encode(),
    f'{GOOD}, "a": {"9" * 5000}}}'.encode(),
    b" " * 9_000_000,
]


@pytest.mark.parametrize("data", NO_CERTIFICATES, ids=range(len(NO_CERTIFICATES)))
def test_another_file_is_one_clear_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(data)
    with pytest.raises(ArtefactError, match="is no certificate: ") as error:
        verify.run(path)
    assert "\n" not in str(error.value)


def test_another_format(root: Path) -> None:
    edit(root, lambda found: found.update(schema=2))
    with pytest.raises(FormatError, match="another format than 1"):
        verify.run(root / "answers/gout.json")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda found: found.pop("question"), "question is missing"),
        (lambda found: found.update(confidence=True), "confidence has the wrong type"),
        (lambda found: found["sources"][0].update(start=-5), r"sources\[0\].start has the wrong"),
        (lambda found: found["sources"][0].update(end=1 << 64), r"sources\[0\].end has the wrong"),
        (lambda found: found.update(confidence=float("nan")), "confidence has the wrong type"),
        (lambda found: found.update(confidence=10**400), "confidence has the wrong type"),
        (lambda found: found.update(status="sure"), "sure"),
        (lambda found: found.update(models={"adapter": 1}), "models.adapter has the wrong type"),
        (lambda found: found["settings"]["grounding"].update(min_support=7), "min_support=7"),
    ],
)
def test_a_certificate_with_a_wrong_value(
    root: Path, change: Callable[[Any], None], told: str
) -> None:
    edit(root, change)
    with pytest.raises(ArtefactError, match=told):
        verify.run(root / "answers/gout.json")


TEXTS = ["../index", "gout.txt", "/", "/dev/null", "\0", "x" * 5000, "[/red]", "\x1b[2J", DOSE]
LIKE = {
    str: st.text() | st.sampled_from(TEXTS),
    int: st.integers(-1, 1 << 60) | st.integers(0, 200),
    float: st.floats(),
    bool: st.booleans(),
    list: st.just([]),
}
VALUES = st.recursive(
    st.none() | st.one_of(*LIKE.values()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value, as (container, key)."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    )
    return [place for key in keys for place in [(value, key), *places(value[key])]]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_file_makes_it_crash(original: Path, data: st.DataObject) -> None:
    """Only the exit statuses 0, 1 and 2: what is no certificate is an error in one line."""
    mutated = content(original, data.draw(st.sampled_from(sorted(QUESTIONS))))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(mutated)))
        change = data.draw(st.sampled_from(["like", "like", "like", "other", "twice"]))
        if change == "twice" and isinstance(container, list):
            container.append(container[key])
        else:
            like = LIKE.get(type(container[key]), VALUES) if change == "like" else VALUES
            container[key] = data.draw(like)
    if data.draw(st.booleans()):
        mutated.pop("sha256", None)
        text = json.dumps(mutated, sort_keys=True, separators=(",", ":"))
        mutated["sha256"] = sha256(text.encode()).hexdigest()
    raw = json.dumps(mutated).encode()
    if data.draw(st.integers(0, 9)) == 0:
        raw = raw[: data.draw(st.integers(0, len(raw)))] + data.draw(st.binary(max_size=3))
    path = original / "answers" / "mutated.json"
    path.write_bytes(raw)
    try:
        verify.main([str(path)], None)
    except MedragError as error:
        assert str(error).startswith(str(path))
        event("refused")
    except SystemExit as stopped:
        assert stopped.code == 1
        event("does not hold")


# ------------------------------------------------------------------ in the shell


def medrag(where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=where,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        check=False,
    )


def test_asked_and_verified_in_the_shell(root: Path, rebuild: Callable[[], None]) -> None:
    done = medrag(
        root,
        "medrag.ask",
        *QUESTIONS["gout"].split(),
        "--certificate",
        "shell/it.json",
        "index.dir=index",
        "embedder.backend=onnxruntime",  # converted already
    )
    assert (done.returncode, done.stderr) == (0, "certificate in shell/it.json\n")
    assert DOSE in done.stdout
    done = medrag(root, "medrag.verify", "shell/it.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "Everything holds."
    (root / "corpus/gout.txt").unlink()
    rebuild()
    done = medrag(root, "medrag", "verify", "index.dir=index", "shell/it.json")
    assert (done.returncode, done.stderr) == (1, "")
    rows = [line.split("  ") for line in done.stdout.splitlines()]
    assert ["does not hold", "document gout.txt"] in [
        [cell.strip() for cell in row if cell][:2] for row in rows
    ]
    assert "4 of 7 things no longer hold; 2 cannot be checked." in done.stdout
    done = medrag(root, "medrag.verify", "nothing.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: nothing.json cannot be read (No such file or directory)\n"


@pytest.mark.parametrize("files", [[], ["a.json", "b.json"]])
def test_one_file_has_to_be_named(files: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"name one certificate: python -m medrag\.verify FILE"):
        verify.main(files, None)


def test_no_model_is_loaded(original: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from medrag import verify\n"
        "print(verify.run(Path('answers/gout.json')).conclusion)\n"
        "print(*{'torch', 'onnxruntime', 'transformers', 'faiss', 'tantivy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=original,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == "Everything holds.\n\n"


def test_text_of_a_certificate_does_nothing_to_the_terminal(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def hostile(certificate: Certificate) -> Certificate:
        source = replace(certificate.sources[0], document="[red]\x1b[2J\nEverything holds.")
        return replace(certificate, question="[/b]\x1b]0;owned\x07", sources=(source,))

    forge(root, hostile)
    said = printed(verify.run(root / "answers/gout.json"), capsys)
    assert "\x1b" not in said
    assert "[/b]·]0;owned·" in said
    assert "document [red]·[2J·Everything holds." in said
