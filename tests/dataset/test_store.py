"""Rows on disk: a journal that survives a kill, files that are written in constant memory."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from medrag.dataset.rows import NO_PASSAGE, LeftOut, Made, Pair, Reason, Row, Variant
from medrag.dataset.store import Journal, write_lines, write_tables
from medrag.errors import BusyError
from medrag.generation.prompts import completion
from medrag.workplace import prepare, workplace


def made(number: int, size: int = 1) -> Made:
    text = f"Passage {number} é\u2028. " * size
    message = [{"role": "user", "content": text}]
    row = Row(
        id=str(number), question="Why?", answer="So.", answers=[], kind="text", exact=[["a"], []],
        nuggets=[], answerable=True, documents=["d"], contexts=[{**NO_PASSAGE, "text": text}],
        oracle=1, passage=NO_PASSAGE, variant=Variant.oracle, altered="", shares="", left_out=0,
        prompt=message, completion=completion("So. [1]"),
    )  # fmt: skip
    pair = Pair(row.id, row.prompt, row.completion, completion("No."), "it is wrong")
    left_out = LeftOut(row.id, "train", "Why?", Reason.contaminated, "a b c", kept=True)
    return Made("test" if number % 3 == 0 else "train", [row], [pair], left_out)


def ids(journal: Journal) -> list[str]:
    return [record["rows"][0]["id"] for record in journal]


@pytest.mark.parametrize("torn", [b"", b'{"split": "tra', b"\x00\x00\x00\n", b'{"a": 1}', b"[]\n"])
def test_a_journal_goes_on_after_a_line_that_is_torn(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "made.jsonl"
    with Journal(path) as journal:
        assert journal.done == 0
        for number in range(4):
            journal.append(made(number))
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    with Journal(path) as journal:
        assert journal.done == 4
        assert path.read_bytes() == whole
        journal.append(made(4))
        assert ids(journal) == ["0", "1", "2", "3", "4"]


def test_a_journal_may_end_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    with Journal(path) as journal:
        journal.append(made(0))
        first = path.stat().st_size
        journal.append(made(1))
    whole = path.read_bytes()
    for end in {*range(first, len(whole), 23), len(whole) - 1, len(whole)}:
        path.write_bytes(whole[:end])
        with Journal(path) as journal:
            assert journal.done == (2 if end == len(whole) else 1)
            assert path.stat().st_size == (len(whole) if end == len(whole) else first)


def test_the_files_say_what_the_journal_says(tmp_path: Path) -> None:
    from datasets import load_from_disk

    with Journal(tmp_path / "made.jsonl") as journal:
        for number in range(7):
            journal.append(made(number))
        others = {"left_out": [LeftOut("x", "train", "How?", Reason.near_duplicate, "y")]}
        out = tmp_path / "out"
        out.mkdir()
        write_lines(out, journal, others)
    write_tables(out, tmp_path, "f00")
    lines = {
        path.stem: [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
        for path in out.glob("*.jsonl")
    }
    assert [row["id"] for row in lines["test"]] == ["0", "3", "6"]
    assert [row["id"] for row in lines["train"]] == ["1", "2", "4", "5"]
    assert [one["id"] for one in lines["left_out"]] == ["x", *"0123456"]
    assert lines["validation"] == []
    loaded = load_from_disk(str(out))
    assert {name: table.to_list() for name, table in loaded.items()} == {
        name: lines[name]
        for name in ("train", "test")  # an empty split cannot be loaded
    }
    assert load_from_disk(str(out / "preferences")).to_list() == lines["preferences"]


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    import datasets.arrow_writer  # not counted

    def peak(count: int) -> int:
        work = tmp_path / str(count)
        (work / "out").mkdir(parents=True)
        tracemalloc.start()
        with Journal(work / "made.jsonl") as journal:
            for number in range(count):
                journal.append(made(number, size=500))  # about 20 kB in JSON, as a real row
            write_lines(work / "out", journal, {})
        write_tables(work / "out", work, "f00")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)  # loads what is loaded once
    small, large = peak(150), peak(1200)
    assert large - small < 5 << 20  # of 50 MB more in JSON
    assert datasets.arrow_writer


def test_work_of_another_run_is_not_gone_on_with(tmp_path: Path) -> None:
    directory = tmp_path / "dataset"
    with pytest.raises(KeyboardInterrupt), workplace(directory, "dataset.dir") as work:
        prepare(work, "one")
        (work / "made.jsonl").write_text("{}\n")
        raise KeyboardInterrupt
    with workplace(directory, "dataset.dir") as work:
        prepare(work, "one")
        assert (work / "made.jsonl").exists()
        prepare(work, "two")
        assert not (work / "made.jsonl").exists()
        with pytest.raises(BusyError, match=r"choose another dataset\.dir"):
            _enter(directory)
    assert not list(tmp_path.iterdir())  # it is done


def _enter(directory: Path) -> Any:
    with workplace(directory, "dataset.dir") as work:
        return work
