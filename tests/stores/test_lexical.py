"""The lexical side: what a search finds, and that its scores do not depend on how it came about."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from medrag import PipelineConfig
from medrag.indexing import BuildReport, IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.stores.local.directory import scratch
from medrag.stores.local.index import Index
from medrag.stores.local.lexical import WORDS, WordIndex, write_words
from medrag.stores.local.snapshot import Snapshot
from medrag.text.words import words

Build = Callable[[], BuildReport]
Found = list[tuple[str, float]]


@pytest.fixture
def find(config: PipelineConfig) -> Callable[..., Found]:
    """Search the published index; gives (document, score)."""

    def search(*words: str, k: int = 50) -> Found:
        with Index(config.index.dir) as index:
            found = index.words.search(words, k)
            hits = index.hits([chunk for chunk, _ in found])
            return [(hits[chunk].document, score) for chunk, score in found]

    return search


def test_any_word_and_any_form_of_it_is_found(
    build: Build, corpus: Path, find: Callable[..., Found]
) -> None:
    (corpus / "ear.txt").write_text("Ménière's disease: 2.5 mg betahistine (β-blockers no).")
    build()
    assert [document for document, _ in find("attacks", "joints")] == ["gout.txt"]
    assert {document for document, _ in find("steroid", "crystal")} == {"asthma.md", "gout.txt"}
    for word in ("meniere", "2.5", "β", "BETAHISTINE"):
        assert [document for document, _ in find(word)] == ["ear.txt"], word
    assert find("unheard") == find() == find("'") == []
    assert len(find("is", "in", k=2)) == 2


OTHER_SCRIPTS = {
    "zh.txt": "急性胰腺炎患者禁食，静脉补液。癌症患者慎用。",
    "ja.txt": "高カリウム血症にはｶﾙｼｳﾑを静注する。",
    "ko.txt": "폐렴의 치료에는 항생제를 투여한다.",
    "th.txt": "ให้ยาแก้ปวดแก่ผู้ป่วยไข้สูง",
    "hi.txt": "क्षय रोग में रिफाम्पिसिन दी जाती है।",
    "fa.txt": "این دارو برای کودکان توصیه نمی‌شود. قرص‌ها و PCR‌های دیگر.",
    "ar.txt": "يُعطى الأنسولين مرتين بجرعة ٢٥ وحدة.",
    "he.txt": "אִינְסוּלִין ניתן פעמיים.",
    "el.txt": "Η ινσουλίνη χορηγείται. 5 µg",
}


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("胰腺炎", "zh.txt"),
        ("急性胰腺炎", "zh.txt"),
        ("癌", "zh.txt"),  # one letter of a longer word
        ("カリウム", "ja.txt"),
        ("カルシウム", "ja.txt"),
        ("ｶﾘｳﾑ", "ja.txt"),
        ("血症", "ja.txt"),
        ("폐렴", "ko.txt"),
        ("항생제", "ko.txt"),
        ("ผู้ป่วย", "th.txt"),
        ("ไข้สูง", "th.txt"),
        ("क्षय", "hi.txt"),
        ("रिफाम्पिसिन", "hi.txt"),
        ("نمی‌شود", "fa.txt"),
        ("نمیشود", "fa.txt"),
        ("نمي شود", "fa.txt"),
        ("قرص", "fa.txt"),
        ("PCR", "fa.txt"),
        ("كودكان", "fa.txt"),
        ("الانسولين", "ar.txt"),
        ("25 وحدة", "ar.txt"),
        ("אינסולין", "he.txt"),
        ("ΙΝΣΟΥΛΊΝΗ", "el.txt"),
        ("5 μg", "el.txt"),
    ],
)
def test_words_of_other_scripts_are_found(other: WordIndex, query: str, document: str) -> None:
    ids = dict(enumerate(OTHER_SCRIPTS))
    found = [ids[chunk] for chunk, _ in other.search(words(query), 9)]
    assert found[0] == document
    assert all(other.frequency(word) >= 1 for word in words(query))
    assert other.frequency(query) >= 1


@pytest.mark.parametrize("query", ["ไขสูด", "षय", "क", "약", "肺炎", "קר"])
def test_what_only_looks_like_a_word_is_not_found(other: WordIndex, query: str) -> None:
    assert other.search(words(query), 9) == []
    assert other.frequency(query) == 0


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> WordIndex:
    class Texts:
        identity = "these"

        def texts_to_find(self, missing_in: object) -> Iterator[tuple[int, str, str, str]]:
            return ((chunk, "", "", text) for chunk, text in enumerate(OTHER_SCRIPTS.values()))

    path = tmp_path_factory.mktemp("words") / WORDS
    write_words(path, cast(Snapshot, Texts()), None)
    return WordIndex(path)


def test_the_frequency_of_a_word_is_that_of_its_stem(build: Build, config: PipelineConfig) -> None:
    build()
    with Index(config.index.dir) as index:
        assert index.words.frequency("attacks") == index.words.frequency("Attack") == 1
        assert index.words.frequency("is") == 2
        assert index.words.frequency("unheard") == index.words.frequency("'") == 0


def test_a_title_weighs_more_than_a_text(
    build: Build, corpus: Path, find: Callable[..., Found]
) -> None:
    (corpus / "a.txt").write_text("Sepsis\n\nThis has a note on the heart.")
    (corpus / "b.txt").write_text("Heart\n\nThis has a note on the sepsis.")
    build()
    assert [document for document, _ in find("sepsis")] == ["a.txt", "b.txt"]
    assert [document for document, _ in find("heart")] == ["b.txt", "a.txt"]


def test_scores_are_those_of_a_whole_new_index(
    build: Build,
    corpus: Path,
    config: PipelineConfig,
    embedder: TextEmbedder,
    tmp_path: Path,
    find: Callable[..., Found],
) -> None:
    build()
    question = ("gout", "attack", "malaria", "inhaled", "virus")
    for change in (
        lambda: (corpus / "flu.txt").write_text("Flu\n\nA virus attacks the airways."),
        lambda: (corpus / "flu.txt").write_text("Flu\n\nA virus. Gout is no virus."),
        lambda: (corpus / "gout.txt").unlink(),
    ):
        change()
        build()
        grown = find(*question)
        new = replace(config, index=replace(config.index, dir=str(tmp_path / "new")))
        IndexBuilder(new, embedder).mirror()
        with Index(new.index.dir) as index:
            assert [score for _, score in index.words.search(question, 50)] == pytest.approx(
                [score for _, score in grown]
            )


def test_what_is_added_is_added_to_the_file_before(
    build: Build, corpus: Path, config: PipelineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    build()
    added: list[int] = []
    whole = Index(config.index.dir)
    texts = Snapshot.texts_to_find

    def counted(*args: object, **options: object) -> object:
        for row in texts(*args, **options):  # type: ignore[arg-type]
            added.append(row[0])
            yield row

    monkeypatch.setattr(Snapshot, "texts_to_find", counted)
    monkeypatch.setattr("medrag.stores.local.write_terms", lambda *_: None)  # reads them as well
    (corpus / "flu.txt").write_text("Flu\n\nA virus attacks the airways.")
    build()
    assert len(added) == 1
    added.clear()
    (corpus / "flu.txt").unlink()
    build()
    assert len(added) == whole.counts.chunks  # all again: BM25 must forget what was removed
    whole.close()


def test_an_open_index_needs_its_file_no_more(
    build: Build, config: PipelineConfig, tmp_path: Path
) -> None:
    build()
    with Index(config.index.dir) as index:
        path = tmp_path / WORDS
        write_words(path, index, None)
        words = WordIndex(path)
        path.unlink()
        assert words.search(["gout"], 5) == index.words.search(["gout"], 5) != []


_KILLED = """
import os, signal, sys, tempfile
from pathlib import Path
from medrag.stores.local.directory import scratch
from medrag.stores.local.lexical import WordIndex
def audit(event, arguments):
    if event == "shutil.rmtree":
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(audit)
WordIndex(Path(sys.argv[1]))
"""


def test_what_a_killed_process_has_left_goes_with_the_next_one(
    build: Build, config: PipelineConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build()
    (path,) = Path(config.index.dir).glob("generations/*/words.tantivy")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)  # it is read once
    process = subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)
    assert process.returncode == -signal.SIGKILL
    assert len(list(temporary.iterdir())) == 1
    for _ in range(200):  # tantivy puts a file there while it is removed, once in a while
        WordIndex(path)
    assert list(temporary.iterdir()) == []


def test_what_another_process_is_using_stays(tmp_path: Path) -> None:
    with scratch(tmp_path, "a-") as first:
        (first / "file").touch()
        (tmp_path / "a-left").mkdir()
        (tmp_path / "b-other").mkdir()
        (tmp_path / "a-link").symlink_to(tmp_path / "b-other")
        with scratch(tmp_path, "a-") as second:
            assert first != second
            assert {path.name for path in tmp_path.iterdir()} == {
                first.name, second.name, "b-other", "a-link",
            }  # fmt: skip
            assert (first / "file").exists()
