"""From files to embedded chunks: readers → processors → chunking → embedders.

The pieces chain, each in constant memory:

    texts = split_chunks(clean_chunks(read_chunks("notes.txt")), embedder.tokenizer, 256)
    for text, vector in embed_chunks(texts, embedder): ...
"""

from .chunking import Chunker, split_chunks
from .embedders import TextEmbedder, embed_chunks
from .files import FileChunkIterator, read_chunks
from .processors import clean_blocks, clean_chunks, clean_text
from .readers import read_documents

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
