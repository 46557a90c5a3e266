"""From files to embedded chunks: readers → processors → chunking → embedders.

The pieces chain, each in constant memory:

    texts = split_chunks(clean_chunks(read_chunks("notes.txt")), embedder.tokenizer, 256)
    for text, vector in embed_chunks(texts, embedder): ...
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..text.cleaning import clean_blocks, clean_chunks, clean_text
from .chunking import Chunker, split_chunks
from .files import FileChunkIterator, read_chunks
from .readers import read_documents

if TYPE_CHECKING:
    from ..embedding.local.embedder import TextEmbedder, embed_chunks

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
    # Processes that parse need no NumPy; it comes with the first name that does.
    if name in ("TextEmbedder", "embed_chunks"):
        return getattr(import_module("medrag.embedding.local.embedder"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
