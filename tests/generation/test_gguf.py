"""The GGUF reader: values by the format's formulas, and one clear error for anything damaged."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medrag.errors import ModelError
from medrag.generation.gguf import GgufFile
from tests.generation.gguf_writer import f32, write_gguf

METADATA: dict[str, Any] = {
    "general.architecture": "llama",
    "layers": 30,
    "theta": 0.5,
    "tied": True,
    "tokens": ["a", "é", ""],
    "kinds": [3, 1, 1],
}


def halves(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}e", *values)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    q4_1 = halves(0.5, -1.0) + bytes(range(16)) + halves(2.0, 3.0) + bytes([0xF0] * 16)
    q8_0 = halves(0.25) + struct.pack("<32b", *range(-16, 16))
    tensors = {
        "plain": f32([[1.5, -2.0, 3.0], [4.0, 5.0, 6.0]]),
        "four": (3, (2, 32), q4_1),
        "eight": (8, (1, 32), q8_0),
    }
    return write_gguf(tmp_path / "model.gguf", METADATA, tensors)


def test_metadata_and_tensors(file: Path) -> None:
    gguf = GgufFile(file)
    assert gguf.metadata == METADATA
    assert gguf.names == ["plain", "four", "eight"]
    assert gguf.tensor("plain").tolist() == [[1.5, -2.0, 3.0], [4.0, 5.0, 6.0]]
    first, second = gguf.tensor("four")
    # byte i holds value i in its low half, and value 16 + i in its high half: here 0
    assert first.tolist() == [0.5 * i - 1 for i in range(16)] + [-1.0] * 16
    assert second.tolist() == [3.0] * 16 + [2.0 * 15 + 3] * 16
    assert gguf.tensor("eight").tolist() == [[0.25 * i for i in range(-16, 16)]]
    assert {gguf.tensor(name).dtype for name in gguf.names} == {np.dtype("float32")}


def test_a_tensor_that_is_not_there(file: Path) -> None:
    with pytest.raises(ModelError, match="no tensor output"):
        GgufFile(file).tensor("output")


def test_a_file_that_is_cut_anywhere(file: Path) -> None:
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        try:
            GgufFile(file)
        except ModelError as error:
            assert str(file) in str(error)
            assert "\n" not in str(error)
        else:  # only the filling after the last tensor may be missing
            assert length >= len(whole) - 32


def test_any_flipped_byte_is_read_or_refused(file: Path) -> None:
    """Never another error, nor a huge allocation: sizes are checked against the file."""
    whole, chance = file.read_bytes(), random.Random(5)
    refused = 0
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([chance.randrange(256)]) + whole[place + 1 :])
        try:
            gguf = GgufFile(file)
            for name in gguf.names:
                gguf.tensor(name)
        except ModelError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize(
    ("place", "new", "says"),
    [
        (0, b"GGML", "does not begin with GGUF"),
        (4, struct.pack("<I", 2), "version is 2"),
        (8, struct.pack("<Q", 1 << 60), "cut short"),
        (16, struct.pack("<Q", 1 << 60), "cut short"),
        (24, struct.pack("<Q", 1 << 60), "cut short"),
    ],
)
def test_what_is_wrong_is_said(file: Path, place: int, new: bytes, says: str) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[:place] + new + whole[place + len(new) :])
    with pytest.raises(ModelError, match=says):
        GgufFile(file)


@pytest.mark.parametrize(
    ("tensor", "says"),
    [
        ((2, (32,), bytes(20)), "type 2"),
        ((3, (31,), bytes(20)), "not whole blocks"),
        ((0, (1, 1, 1, 1, 1), bytes(4)), "5 dimensions"),
        ((0, (1 << 40, 1 << 40), bytes(4)), "ends before the tensor"),
    ],
)
def test_tensors_that_are_not_supported(tmp_path: Path, tensor: Any, says: str) -> None:
    path = write_gguf(tmp_path / "model.gguf", {}, {"one": tensor})
    with pytest.raises(ModelError, match=says):
        GgufFile(path)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("empty", "absent"):
        with pytest.raises(ModelError, match="cannot be read as GGUF"):
            GgufFile(tmp_path / name)
