"""From files to embedded chunks: readers → processors → chunking → embedders.

The pieces chain, each in constant memory:

    texts = split_chunks(clean_chunks(read_chunks("notes.txt")), embedder, 256)
    for text, vector in embed_chunks(texts, embedder): ...
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..text.cleaning import clean_blocks, clean_chunks, clean_text
from .chunking import Chunker, split_chunks
from .files import FileChunkIterator, read_chunks
from .readers import read_documents

if TYPE_CHECKING:
    from ..embedding import embed_chunks
    from ..embedding.local.embedder import TextEmbedder

__all__ = [
    "Chunker",
    "FileChunkIterator",
    "TextEmbedder",
    "clean_blocks",
    "clean_chunks",
    "clean_text",
    "embed_chunks",
    "read_chunks",
    "read_documents",
    "split_chunks",
]


def __getattr__(name: str) -> Any:
    # Lazy, because processes that parse need no NumPy.
    if name == "embed_chunks":
        return import_module("medrag.embedding").embed_chunks
    if name == "TextEmbedder":
        return import_module("medrag.embedding.local.embedder").TextEmbedder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
