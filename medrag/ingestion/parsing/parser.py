"""The child process that parses: a file's name comes in, its documents and chunks go out.

    python -m medrag.ingestion.parsing.parser DESCRIPTOR

`child.py` starts it; the package says why. Requests are lines of JSON on stdin, the setup first.
Messages go to the file DESCRIPTOR, each a length (4 bytes, big-endian) and a list in JSON:

    ready                                  the setup is done
    member, number, id                     a member of an archive is next
    document, id, title, url, version      a document begins
    chunks, [[text, start, …], …]          some of its chunks: the fields of `Chunk` in order
    blocks, [[text, glue, …], …]           or some of its blocks, if the parent makes the chunks
    end, metadata, flags, left_out         the document ends; readers fill these three meanwhile
    failed, reason                         or it turns out to be unusable
    rejected, id, reason                   something cannot be used
    deleted, id, version                   a document that its source has withdrawn
    skipping                               a sign of life
    done                                   the file ends
    disk, errno, message                   the disk has no room to unpack a member; the last message
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

from ...config import CorpusConfig, FieldsConfig
from ...errors import DocumentError
from ...text.cleaning import clean_blocks, clean_text
from ...types import Block, Chunk, Deleted, Document, Rejected
from ..chunking import Chunker
from ..corpus import is_archive, members
from ..readers import read_documents
from .child import FRAME_LIMIT

_REASON_LIMIT = 2_000  # characters; a reason may quote the document
_BATCH = 32  # chunks or blocks in a message
_SIGN_OF_LIFE = 1.0  # seconds after which a message is sent with fewer
_PR_SET_PDEATHSIG = 1  # Linux, <sys/prctl.h>
_chunk_row = attrgetter(*(field.name for field in fields(Chunk)))
_block_fields = attrgetter(*(field.name for field in fields(Block)))


class _Parser:
    """Turns files into messages."""

    def __init__(
        self, output: BinaryIO, corpus: CorpusConfig, chunker: Chunker | None, scratch: Path
    ) -> None:
        self._output = output
        self._corpus = corpus
        self._chunker = chunker
        self._scratch = scratch
        self._open = False  # within a document

    def file(self, path: Path, id_: str, start: int, skip: int) -> None:
        """Send the content of a file, from document `skip` of member `start` on, both from 0.

        A file that is not an archive counts as its own only member.
        """
        if is_archive(path.name):
            try:
                self._archive(path, id_, start, skip)
            except Exception as error:  # as below
                self._reject(id_, error)
        else:
            self._documents(path, id_, skip)
        self.send("done")

    def _archive(self, path: Path, id_: str, start: int, skip: int) -> None:
        for number, member in enumerate(members(path, id_, self._corpus.max_archive_mb)):
            # Also for members that are skipped, as a sign of life.
            self.send("member", number, member.id)
            if number < start:
                continue
            try:
                with member.unpacked(self._scratch) as unpacked:
                    self._documents(unpacked, member.id, skip if number == start else 0)
            except DocumentError as error:
                self._reject(member.id, error)
            except OSError as error:
                self.send("disk", error.errno, error.strerror)
                sys.exit(1)

    def _documents(self, path: Path, id_: str, skip: int) -> None:
        try:
            last = time.monotonic()
            found = read_documents(path, id_, self._corpus, self._alive)
            for number, item in enumerate(found):
                if number < skip:
                    if time.monotonic() - last > _SIGN_OF_LIFE:
                        self.send("skipping")
                        last = time.monotonic()
                    continue
                if isinstance(item, Rejected):
                    self._reject(item.id, item.reason)
                elif isinstance(item, Deleted):
                    self.send("deleted", item.id, item.version)
                else:
                    self._document(item)
        except Exception as error:  # a bug in a reader must not cost more than this file
            self._reject(id_, error)

    def _document(self, document: Document) -> None:
        title = " ".join(clean_text(document.title).split())
        self.send("document", document.id, title, document.url, document.version)
        self._open = True
        try:
            blocks = clean_blocks(document.blocks)
            if self._chunker:
                for batch in _timely(map(_chunk_row, self._chunker.chunks(blocks, title))):
                    self.send("chunks", batch)
            else:
                for batch in _timely(map(_block_row, blocks)):
                    self.send("blocks", batch)
            left_out = {reason: count for reason, count in document.left_out.items() if count}
            self.send("end", dict(document.metadata), sorted(document.flags), left_out)
        except Exception as error:  # the metadata may be anything
            self.send("failed", self._reason(error))
        finally:
            self._open = False

    def _alive(self) -> None:
        """Send a sign of life: an empty batch within a document."""
        if not self._open:
            self.send("skipping")
        elif self._chunker:
            self.send("chunks", [])
        else:
            self.send("blocks", [])

    def _reject(self, id_: str, why: Exception | str) -> None:
        self.send("rejected", id_, self._reason(why))

    def _reason(self, why: Exception | str) -> str:
        if isinstance(why, MemoryError):
            return f"needs more memory than corpus.max_parser_mb={self._corpus.max_parser_mb}"
        if isinstance(why, Exception) and not isinstance(why, DocumentError):
            why = f"its reader failed: {type(why).__name__}: {why}"
        return str(why)[:_REASON_LIMIT]

    def send(self, *message: object) -> None:
        """Write a message; waits until the parent has room for it.

        Raises:
            DocumentError: it is larger than the parent takes.
        """
        # ASCII: lone surrogates, which UTF-8 cannot encode, are sent as escapes.
        frame = json.dumps(message, separators=(",", ":")).encode("ascii")
        if len(frame) > FRAME_LIMIT:
            raise DocumentError(f"its metadata is over {FRAME_LIMIT >> 20} MiB")
        self._output.write(len(frame).to_bytes(4, "big") + frame)
        self._output.flush()


def _block_row(block: Block) -> list[object]:
    *row, flags = _block_fields(block)
    return [*row, sorted(flags)]


def _timely(rows: Iterable[object]) -> Iterator[list[object]]:
    """Batches of rows, smaller ones when rows are slow to come."""
    batch: list[object] = []
    last = time.monotonic()
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH or time.monotonic() - last > _SIGN_OF_LIFE:
            yield batch
            batch, last = [], time.monotonic()
    if batch:
        yield batch


def _die_with(parent: int) -> None:
    """End this process when its parent ends, for whatever reason."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended already
        sys.exit()


def _limit_memory(megabytes: int) -> None:
    """Allow this process this much address space on top of what it has now."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        taken = int(statm.read_text().split()[0]) * resource.getpagesize()
        limit = taken + megabytes * 1_000_000
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Answer requests until stdin ends."""
    output = os.fdopen(int(sys.argv[1]), "wb")
    setup = json.loads(sys.stdin.buffer.readline())
    _die_with(setup["parent"])
    corpus = CorpusConfig(
        **{**setup["corpus"], "fields": FieldsConfig(**setup["corpus"]["fields"])}
    )
    chunker = Chunker.from_recipe(setup["chunking"]) if setup["chunking"] else None
    parser = _Parser(output, corpus, chunker, Path(setup["scratch"]))
    _limit_memory(corpus.max_parser_mb)
    parser.send("ready")
    for line in sys.stdin.buffer:
        path, id_, start, skip = json.loads(line.decode(errors="surrogateescape"))
        parser.file(Path(path), id_, start, skip)


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main()
