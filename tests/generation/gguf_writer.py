"""Write GGUF files for tests, with the types that the packaged model has."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

Block = tuple[int, tuple[int, ...], bytes]  # type, shape as in numpy, content


def f32(values: Any) -> Block:
    """A tensor as it is."""
    array = np.asarray(values, "<f4")
    return 0, array.shape, array.tobytes()


def write_gguf(path: Path, metadata: Mapping[str, Any], tensors: Mapping[str, Block]) -> Path:
    """Write version 3 with an alignment of 32 bytes."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    head += b"".join(_text(key) + _typed(value) for key, value in metadata.items())
    data = b""
    for name, (kind, shape, content) in tensors.items():
        head += _text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        head += struct.pack("<IQ", kind, len(data))
        data += _aligned(content)
    path.write_bytes(_aligned(head) + data)
    return path


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _typed(value: Any) -> bytes:
    kind, content = _value(value)
    return struct.pack("<I", kind) + content


def _value(value: Any) -> tuple[int, bytes]:
    if isinstance(value, list):
        kinds, contents = zip(*map(_value, value), strict=True)
        return 9, struct.pack("<IQ", kinds[0], len(value)) + b"".join(contents)
    if isinstance(value, str):
        return 8, _text(value)
    if isinstance(value, bool):
        return 7, struct.pack("<?", value)
    if isinstance(value, float):
        return 6, struct.pack("<f", value)
    return 4, struct.pack("<I", value)


def _aligned(content: bytes) -> bytes:
    return content + bytes(-len(content) % 32)
