"""A corpus without a usable document is told with every reason, and what was skipped is counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from medrag import PipelineConfig
from medrag.build_index import summary_table
from medrag.errors import CorpusError
from medrag.indexing import BuildReport
from medrag.progress import console

Build = Callable[[], BuildReport]


def refused(build: Build) -> list[str]:
    with pytest.raises(CorpusError) as error:
        build()
    return str(error.value).splitlines()


@pytest.fixture
def bad(tmp_path: Path, config: PipelineConfig) -> Path:
    """The only folder of the corpus; it is empty."""
    folder = tmp_path / "bad"
    folder.mkdir()
    config.corpus.paths = [str(folder)]
    return folder


def test_no_file_at_all(build: Build, bad: Path) -> None:
    assert refused(build) == [f"no usable document under {bad}; it has no files"]


def test_a_single_reason_is_one_line(build: Build, bad: Path) -> None:
    (bad / "scan.xyz").write_text("x")
    (line,) = refused(build)
    assert line.startswith(f"no usable document under {bad}: scan.xyz: unsupported type")


def test_a_path_that_does_not_exist_is_named_once(build: Build, config: PipelineConfig) -> None:
    config.corpus.paths = ["/no/such/place"]
    assert refused(build) == ["no usable document under /no/such/place: path does not exist"]


def test_every_reason_is_told_with_examples_and_the_most_frequent_first(
    build: Build, bad: Path, config: PipelineConfig
) -> None:
    for number in range(5):
        (bad / f"run{number}.exe").write_text("x")
    (bad / "rows.jsonl").write_text('{"text": "\n' * 4)
    (bad / "empty.txt").write_text("  \n")
    (bad / "venv").mkdir()
    (bad / "venv/pyvenv.cfg").write_text("home = /usr")
    first, *lines = refused(build)
    assert first == f"no usable document under {bad}:"
    told = "\n".join(lines)
    assert lines[0].startswith("  5 × unsupported type")
    assert "run0.exe, run1.exe, run2.exe and 2 more" in told
    assert told.count("not valid JSON") == 1  # four lines of one file
    assert "rows.jsonl#1, rows.jsonl#2, rows.jsonl#3 and 1 more" in told
    assert "1 × no text" in told and "empty.txt" in told
    assert "Python environment" in told
    assert max(map(len, lines[:-1])) <= 78
    assert len(lines) <= 20
    listed = {
        json.loads(line)["id"]
        for name in ("quarantine.jsonl", "notes.jsonl")
        for line in Path(config.index.dir, name).read_text().splitlines()
    }
    assert {"run4.exe", "rows.jsonl#4", "empty.txt", "venv"} <= listed
    assert all(str(Path(config.index.dir, name)) in lines[-1] for name in ("quarantine.jsonl",))


def test_many_reasons_are_cut_and_the_rest_is_counted(
    build: Build, bad: Path, config: PipelineConfig
) -> None:
    """Each root that does not exist has a reason of its own, by what may be wrong with it."""
    roots = [str(bad / name) for name in ("a", "b*", "c,d", "'e'")]
    names = ["x.bin", "y.html", "z.docx", "u.xml", "v.pdf", "w.csv", "t.json", "s.md"]
    contents = [b"", b"", b"PK", b"<a>", b"%PDF-", b"a,b", b"{}", b"\0"]
    for name, content in zip(names, contents, strict=True):
        (bad / name).write_bytes(content)
    (bad / "l.txt").symlink_to(bad)
    config.corpus.paths = [str(bad), *roots]
    lines = refused(build)
    assert len(lines) <= 20
    shown = sum(int(line.split(" × ")[0].replace(",", "")) for line in lines if " × " in line)
    cut = lines[-1].split()
    total = len(Path(config.index.dir, "quarantine.jsonl").read_text().splitlines())
    assert cut[0] == "and" and shown + int(cut[1]) == total == 13


def test_the_summary_counts_what_was_skipped(build: Build, corpus: Path) -> None:
    for number in range(4):
        (corpus / f"runs/{number}/.hydra").mkdir(parents=True)
        (corpus / f"runs/{number}/.hydra/hydra.yaml").write_text("hydra:\n")
    report = build()
    with console.capture() as printed:
        console.print(summary_table(report))
    words = [word for word in printed.get().split() if word != "│"]
    told = "4 written by medrag or one of its tools: runs/0, runs/1, runs/2 and 1 more"
    assert told in " ".join(words)
    assert report.counts.documents == 3
