"""Parsing in child processes gives the same result, in order, whatever a file does to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from medrag.config import CorpusConfig
from medrag.errors import CorpusError, DocumentError
from medrag.ingestion import Chunker, TextEmbedder, clean_blocks, read_documents
from medrag.ingestion.corpus import SourceFile, find_files
from medrag.ingestion.parsing import ParserPool
from medrag.types import Chunk, Document, Rejected

Read = tuple[Document, list[Chunk]] | Rejected

_EMBEDDER = TextEmbedder()
_CHUNKER = Chunker(_EMBEDDER, 256)


class Counter:
    """An embedder that only counts tokens, so that its chunks are made in this process."""

    def count_tokens(self, text: str) -> int:
        return len(text) // 4


CHUNKERS = {"in the child": _CHUNKER, "here": Chunker(Counter(), 256)}


def files_in(root: Path) -> Iterator[SourceFile]:
    for source in find_files([str(root)], root.with_name("index") / "downloads"):
        assert isinstance(source, SourceFile), source
        yield source


def parse(
    root: Path,
    config: CorpusConfig | None = None,
    *,
    at: Callable[[Document], None] = lambda document: None,
    chunker: Chunker = _CHUNKER,
) -> list[Read]:
    """Everything under `root`; `at` is called when a document begins."""
    pool = ParserPool(config or CorpusConfig(workers=1), chunker)
    found: list[Read] = []
    with closing(pool.read(files_in(root), root.with_name("scratch"))) as files:
        for _, items in files:
            for item in items:
                if isinstance(item, Rejected):
                    found.append(item)
                    continue
                document, chunks = item
                at(document)
                try:
                    found.append((document, list(chunks)))
                except DocumentError as error:
                    found.append(Rejected(document.id, str(error)))
    assert not root.with_name("scratch").exists()
    return found


def names(found: list[Read]) -> list[str]:
    return [item.id if isinstance(item, Rejected) else item[0].id for item in found]


def reasons(found: list[Read]) -> dict[str, str]:
    return {item.id: item.reason for item in found if isinstance(item, Rejected)}


def workers_of(parent: int) -> list[int]:
    """Process ids of the parsers that a process has started and that still run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent_of = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if (
            int(parent_of) == parent
            and state != "Z"
            and b"medrag.ingestion.parsing.parser" in command
        ):
            found.append(int(folder.name))
    return found


def read_until_it_waits(worker: int) -> int:
    """Bytes that a parser has read once its pipe is full and it goes no further."""
    last = -1
    while last != (last := int(Path(f"/proc/{worker}/io").read_text().split()[1])):
        time.sleep(0.5)
    return last


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty corpus."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    return folder


def write_rows(path: Path, count: int, sentences: int = 1) -> None:
    text = " ".join(f"Sentence {number} is about zinc." for number in range(sentences))
    rows = (
        {"id": f"{number:03}", "title": f"Row {number}", "text": text} for number in range(count)
    )
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


# --- the same result --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("workers", "where"), [(1, "in the child"), (3, "in the child"), (2, "here")]
)
def test_a_corpus_comes_in_order_and_as_if_it_were_read_here(workers: int, where: str) -> None:
    samples = Path(__file__).parents[2] / "samples/corpus"
    chunker = CHUNKERS[where]
    expected = []
    for source in files_in(samples):
        for item in read_documents(source.path, source.id, CorpusConfig()):
            assert isinstance(item, Document)
            chunks = [
                (chunk.text, chunk.start, chunk.page, chunk.section, chunk.glue, list(chunk.ids))
                for chunk in chunker.chunks(clean_blocks(item.blocks), item.title)
            ]
            expected.append((item.id, item.title, item.url, dict(item.metadata), chunks))
    found = []
    pool = ParserPool(CorpusConfig(workers=workers), chunker)
    with closing(pool.read(files_in(samples), Path("unused"))) as files:
        for _, items in files:
            for item in items:
                assert not isinstance(item, Rejected), item
                document, stream = item
                chunks = [
                    (
                        chunk.text,
                        chunk.start,
                        chunk.page,
                        chunk.section,
                        chunk.glue,
                        list(chunk.ids),
                    )
                    for chunk in stream
                ]
                metadata = dict(document.metadata)
                found.append((document.id, document.title, document.url, metadata, chunks))
    assert len(found) > 30
    assert found == expected


def test_half_characters_come_through_where_json_allows_them(root: Path) -> None:
    (root / "a.jsonl").write_text('{"text": "Zinc.", "note": "\\ud83d"}', encoding="utf-8")
    ((document, _),) = parse(root)
    assert document.metadata["note"].encode("utf-8", "replace") == b"?"


def test_documents_that_are_not_read_are_skipped(root: Path) -> None:
    write_rows(root / "rows.jsonl", 3, sentences=2_000)
    pool = ParserPool(CorpusConfig(workers=1), _CHUNKER)
    seen = []
    with closing(pool.read(files_in(root), root.with_name("scratch"))) as files:
        for _, items in files:
            for item in items:
                assert not isinstance(item, Rejected)
                seen.append(item[0].id)
                if len(seen) == 2:
                    next(item[1])
    assert seen == [f"rows.jsonl#{number:03}" for number in range(3)]


# --- bounds -----------------------------------------------------------------------------------


def test_a_parser_that_hangs_costs_one_document(root: Path) -> None:
    (root / "a.txt").write_text("Before.", encoding="utf-8")
    # The parser's time grows with the square of the depth: this takes minutes.
    (root / "b.html").write_text("<div>" * 500_000 + "x", encoding="utf-8")
    (root / "c.txt").write_text("Behind.", encoding="utf-8")
    found = parse(root, CorpusConfig(workers=1, max_parser_seconds=2))
    assert names(found) == ["a.txt", "b.html", "c.txt"]
    assert reasons(found).keys() == {"b.html"}
    assert "corpus.max_parser_seconds=2" in reasons(found)["b.html"]


def test_a_document_that_eats_memory_costs_itself(root: Path) -> None:
    row = '{"id": "big", "text": "Zinc.", "more": [' + "[]," * 1_500_000 + "[]]}"
    (root / "a.jsonl").write_text(f'{{"text": "One."}}\n{row}\n{{"text": "Three."}}')
    (root / "b.html").write_text("<p>x" + "<b></b>" * 700_000, encoding="utf-8")
    (root / "c.txt").write_text("Behind.", encoding="utf-8")
    found = parse(root, CorpusConfig(workers=1, max_parser_mb=64))
    assert names(found) == ["a.jsonl#1", "a.jsonl#2", "a.jsonl#3", "b.html", "c.txt"]
    why = reasons(found)
    assert why.keys() == {"a.jsonl#2", "b.html"}
    assert "memory" in why["a.jsonl#2"]
    assert "corpus.max_parser_mb=64" in why["b.html"]
    # The limit is what made the difference.
    assert reasons(parse(root, CorpusConfig(workers=1, max_parser_mb=2_000))) == {}


def test_a_parser_waits_until_it_is_read(root: Path) -> None:
    (root / "long.txt").write_text("Zinc is a metal. " * 4_000_000, encoding="utf-8")
    pool = ParserPool(CorpusConfig(workers=1), _CHUNKER)
    with closing(pool.read(files_in(root), root.with_name("scratch"))) as files:
        _, items = next(files)
        item = next(items)
        assert not isinstance(item, Rejected)
        next(item[1])
        # Of 68 MB; what it loads to start with is part of it.
        assert read_until_it_waits(*workers_of(os.getpid())) < 16 << 20


def test_as_many_processes_as_there_are_files_and_none_for_none(root: Path) -> None:
    pool = ParserPool(CorpusConfig(workers=3), _CHUNKER)
    counts = []
    for _ in range(3):
        with closing(pool.read(files_in(root), root.with_name("scratch"))) as files:
            for _, items in files:
                list(items)
                counts.append(len(workers_of(os.getpid())))
        assert workers_of(os.getpid()) == []
        (root / f"{len(counts)}.txt").write_text("Zinc.", encoding="utf-8")
    assert counts == [1, 2, 2]


# --- crashes ----------------------------------------------------------------------------------


def kill_workers() -> None:
    for worker in workers_of(os.getpid()):
        os.kill(worker, signal.SIGKILL)


# Blocks are smaller than chunks with their ids, so it takes longer documents to fill the pipe.
@pytest.mark.parametrize(
    ("where", "count", "sentences"), [("in the child", 60, 1_000), ("here", 15, 20_000)]
)
def test_a_crash_costs_one_document_of_many(
    where: str, count: int, sentences: int, root: Path
) -> None:
    write_rows(root / "rows.jsonl", count, sentences)
    (root / "z.txt").write_text("Behind.", encoding="utf-8")
    killed = []

    def at(document: Document) -> None:
        if document.id.endswith("#005"):
            killed.extend(workers_of(os.getpid()))
            read_until_it_waits(*killed)  # within a document, most probably
            kill_workers()

    found = parse(root, at=at, chunker=CHUNKERS[where])
    assert len(killed) == 1
    assert names(found) == [*(f"rows.jsonl#{number:03}" for number in range(count)), "z.txt"]
    ((lost, why),) = reasons(found).items()
    assert lost >= "rows.jsonl#005"
    assert "SIGKILL" in why
    whole = [len(item[1]) for item in found[:-1] if not isinstance(item, Rejected)]
    assert len(whole) == count - 1 and len(set(whole)) == 1


@pytest.mark.slow
def test_passing_over_what_is_done_may_take_longer_than_a_parser_may_be_silent(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(root / "rows.jsonl", 40, sentences=1_000)  # more than a pipe holds
    slow = "json.loads = lambda *a, **k: (time.sleep(0.1), loads(*a, **k))[1]"
    pretend(monkeypatch, root, f"import json; loads = json.loads; {slow}")

    def at(document: Document) -> None:
        if document.id.endswith("#035"):
            kill_workers()

    found = parse(root, CorpusConfig(workers=1, max_parser_seconds=2), at=at)
    assert names(found) == [f"rows.jsonl#{number:03}" for number in range(40)]
    assert ["SIGKILL" in why for why in reasons(found).values()] == [True]


def test_a_file_whose_parser_keeps_crashing_is_given_up(root: Path) -> None:
    write_rows(root / "rows.jsonl", 60, sentences=1_000)
    (root / "z.txt").write_text("Behind.", encoding="utf-8")
    found = parse(root, at=lambda document: kill_workers() if "#" in document.id else None)
    why = reasons(found)
    assert len(why) == 4  # three documents, and the rest of the file
    assert "failed 3 times" in why["rows.jsonl"]
    assert "not read" in why["rows.jsonl"]
    assert 3 < len(found) < 60
    assert names(found)[-2:] == ["rows.jsonl", "z.txt"]


def test_a_file_is_given_up_where_its_parser_fails_before_any_text(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child writes bytes that are not a message, as it might if it were compromised."""
    (root / "a.txt").write_text("Zinc.", encoding="utf-8")
    (root / "b.txt").write_text("Iron.", encoding="utf-8")
    ready = b'["ready"]'
    for nonsense in (
        b"\xff\xff\xff\xff",
        b"\0\0\0\1{",
        b'\0\0\0\7{"a":1}',
        b'\0\0\0\x0a["chunks"]',
    ):
        say = len(ready).to_bytes(4, "big") + ready + nonsense
        pretend(monkeypatch, root, f"os.write(int(sys.orig_argv[-1]), {say!r}); time.sleep(600)")
        found = parse(root)
        assert names(found) == ["a.txt", "b.txt"]
        assert set(reasons(found).values()) == {"its parser sent something unreadable"}


def pretend(monkeypatch: pytest.MonkeyPatch, root: Path, code: str) -> None:
    """Let every child process run this before anything else."""
    folder = root.with_name("site")
    folder.mkdir(exist_ok=True)
    text = f"import os, sys, time\nif '-m' in sys.orig_argv:\n    {code}\n"
    (folder / "sitecustomize.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_what_libraries_print_does_no_harm(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "a.txt").write_text("Zinc.", encoding="utf-8")
    pretend(monkeypatch, root, "os.write(1, b'noise' * 10000)")
    assert names(parse(root)) == ["a.txt"]
    assert reasons(parse(root)) == {}


def test_a_process_that_cannot_start_is_an_error_and_no_document_is_blamed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a.txt").write_text("Zinc.", encoding="utf-8")
    pretend(monkeypatch, root, "os._exit(3)")
    with pytest.raises(CorpusError, match="status 3"):
        parse(root)
    monkeypatch.setattr(sys, "executable", str(root / "nowhere"))
    with pytest.raises(CorpusError, match="can be started"):
        parse(root)


def test_a_parser_is_told_no_secrets(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "a.txt").write_text("Zinc.", encoding="utf-8")
    for name in ("OPENAI_API_KEY", "WANDB_API_KEY", "MY_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    seen = []

    def at(document: Document) -> None:
        (worker,) = workers_of(os.getpid())
        seen.append(Path(f"/proc/{worker}/environ").read_bytes())

    parse(root, at=at)
    assert b"secret" not in seen[0]
    assert b"LC_ALL=C.UTF-8" in seen[0]


_PARENT = """
import sys, time
from pathlib import Path
from medrag.config import CorpusConfig
from medrag.ingestion import Chunker, TextEmbedder
from medrag.ingestion.corpus import find_files
from medrag.ingestion.parsing import ParserPool
root = sys.argv[1]
pool = ParserPool(CorpusConfig(workers=1), Chunker(TextEmbedder(), 256))
files = pool.read(find_files([root], Path("unused")), Path(root, "../scratch"))
source, items = next(files)
document, chunks = next(items)
print(next(chunks).text, flush=True)
time.sleep(600)
"""


def test_the_parser_ends_when_its_parent_is_killed(root: Path) -> None:
    (root / "hang.html").write_text("<div>" * 500_000 + "x", encoding="utf-8")
    (root / "a.txt").write_text("Zinc.", encoding="utf-8")
    command = [sys.executable, "-c", _PARENT, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        (worker,) = workers_of(parent.pid)
        parent.kill()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{worker}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_parser_has_nothing_to_say_on_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "corpus"
    root.mkdir()
    (root / "gout.txt").write_text("Gout\n\nGout is caused by crystals of uric acid.")
    assert len(parse(root)) == 1
    assert capfd.readouterr() == ("", "")
