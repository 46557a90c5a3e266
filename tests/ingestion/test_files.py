"""Chunks and pieces of files: exact, bounded, and with clear errors."""

from __future__ import annotations

import io
import tracemalloc
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medrag.errors import DocumentError
from medrag.ingestion.files import FileChunkIterator, read_chunks

same_file = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# Any text of a file: all of Unicode except NUL, with extra line ends and accents.
texts = st.text(
    st.one_of(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
        st.sampled_from("ab \n\n\r\t\u0301\u200d\ufe0f\U0001f468\U0001f1e9\u1161\xe9"),
    ),
    max_size=300,
)


@same_file
@given(data=st.binary(max_size=500), size=st.integers(1, 64))
def test_all_chunks_but_the_last_are_full_and_they_add_up(
    tmp_path: Path, data: bytes, size: int
) -> None:
    path = tmp_path / "f.bin"
    path.write_bytes(data)
    chunks = list(FileChunkIterator(path, size))
    assert b"".join(chunks) == data
    assert all(len(chunk) == size for chunk in chunks[:-1])
    assert all(0 < len(chunk) <= size for chunk in chunks[-1:])


def test_the_file_is_closed_at_the_end_on_exit_and_on_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f.bin"
    path.write_bytes(b"abcdef")
    opened: list[io.BufferedReader] = []
    plain_open = Path.open

    def spying_open(self: Path, *args: str) -> object:
        file = plain_open(self, *args)
        opened.append(file)
        return file

    monkeypatch.setattr(Path, "open", spying_open)
    assert list(FileChunkIterator(path, 4)) == [b"abcd", b"ef"]
    with FileChunkIterator(path, 2) as chunks:
        assert next(chunks) == b"ab"
    assert list(chunks) == []
    with pytest.raises(RuntimeError), FileChunkIterator(path, 2):
        raise RuntimeError
    assert [file.closed for file in opened] == [True, True, True]


def test_a_read_error_closes_the_file_and_names_it(tmp_path: Path) -> None:
    # Linux opens this file, but refuses to read from address 0.
    memory = Path("/proc/self/mem")
    if not memory.exists():
        pytest.skip("needs a file that opens and does not read")
    chunks = FileChunkIterator(memory, 16)
    with pytest.raises(DocumentError, match=r"^mem: cannot be read: "):
        next(chunks)
    assert list(chunks) == []


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_a_file_that_cannot_be_opened_is_a_document_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(DocumentError, match="cannot be opened") as caught:
        FileChunkIterator(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_chunk_size_below_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="chunk_size=0"):
        FileChunkIterator(tmp_path / "f", 0)


@same_file
@given(text=texts, size=st.integers(1, 64), encoding=st.sampled_from(["utf-8", "utf-8-sig"]))
def test_pieces_add_up_to_the_text(tmp_path: Path, text: str, size: int, encoding: str) -> None:
    if encoding == "utf-8":
        text = text.lstrip("\ufeff")  # at the start it would be a BOM
    path = tmp_path / "f.txt"
    path.write_bytes(text.encode(encoding))
    pieces = list(read_chunks(path, size))
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= size for piece in pieces)


@same_file
@given(text=texts, size=st.integers(16, 64))
def test_no_piece_starts_inside_a_grapheme(tmp_path: Path, text: str, size: int) -> None:
    # A run of marks as long as a piece, which no language has, must be cut somewhere.
    text = "x" + text
    path = tmp_path / "f.txt"
    path.write_text(text, encoding="utf-8", newline="")
    pieces = list(read_chunks(path, size))
    for before, piece in pairwise(pieces):
        if all(unicodedata.category(c)[0] == "M" or c in "\u200d\r\u1161" for c in before[1:]):
            continue
        assert not unicodedata.category(piece[0]).startswith("M")
        assert piece[0] != "\u200d" and before[-1] != "\u200d"
        assert before[-1] + piece[0] != "\r\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf16_with_a_bom_is_read(tmp_path: Path, encoding: str) -> None:
    text = "Fi\xe8vre \U0001f321 39 \xb0C\n" * 50
    bom = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "f.txt").write_bytes((bom + text).encode(encoding))
    assert "".join(read_chunks(tmp_path / "f.txt", 33)) == text


def test_cuts_prefer_paragraphs_then_lines_then_words_then_letters(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    path.write_text("a b\n\nc d\ne f gg\nh i jj k " + "l" * 12, newline="")
    assert list(read_chunks(path, 10)) == [
        "a b\n\n",
        "c d\n",
        "e f gg\n",
        "h i jj k ",
        "l" * 10,
        "ll",
    ]


@pytest.mark.parametrize("chunk_size", [1, 7, 1 << 16])
def test_invalid_utf8_names_the_byte(tmp_path: Path, chunk_size: int) -> None:
    (tmp_path / "notes.txt").write_bytes("\xe9".encode() * 60 + b"\xe9 caf\xe9")
    with pytest.raises(DocumentError) as caught:
        list(read_chunks(tmp_path / "notes.txt", chunk_size))
    assert str(caught.value) == "notes.txt: invalid UTF-8 at byte 120; save it as UTF-8"


def test_a_truncated_last_character_is_invalid(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"ab\xe2\x82")
    with pytest.raises(DocumentError, match="invalid UTF-8 at byte 2;"):
        list(read_chunks(tmp_path / "notes.txt"))


@pytest.mark.parametrize("data", [b"abc\0def", b"abc\0\xff\xfe", b"\xef\xbb\xbf\0"])
def test_nul_bytes_are_binary_data(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "notes.txt").write_bytes(data)
    with pytest.raises(DocumentError) as caught:
        list(read_chunks(tmp_path / "notes.txt"))
    assert str(caught.value) == "notes.txt: binary data (NUL byte at byte 3)"


def test_invalid_utf16_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"\xff\xfea\0\0\xd8b\0")
    with pytest.raises(DocumentError, match="invalid UTF-16 at byte 4;"):
        list(read_chunks(tmp_path / "notes.txt"))


@pytest.mark.parametrize("unit", [b"fever and chills ", b"x" * 1000])
def test_memory_stays_flat_on_one_line_of_60_mb(tmp_path: Path, unit: bytes) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        for _ in range(60):
            file.write(unit * (1_000_000 // len(unit)))
    size = path.stat().st_size
    tracemalloc.start()
    try:
        read = sum(len(piece) for piece in read_chunks(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read == size
    assert peak < 8_000_000
