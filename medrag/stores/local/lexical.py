"""The lexical side of an index: BM25 by tantivy, in one immutable file per generation.

BM25 counts in how many chunks a word occurs, so what a build prepares must not be in the file that
readers search: their scores would change under them. The file is a tar of a tantivy index. Tantivy
locks the directory it opens, and a reader may have no right to write there: it opens a copy.
"""

from __future__ import annotations

import errno
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from .directory import is_sealed, scratch, seal, writing
from .snapshot import Snapshot

if TYPE_CHECKING:
    from tantivy import Index, Schema, TextAnalyzer

WORDS = "words.tantivy"
_HEAP = 64_000_000  # bytes that tantivy gathers before it writes a segment


def write_words(path: Path, snapshot: Snapshot, base: tuple[Path, Snapshot] | None) -> None:
    """Write the file of a generation.

    Args:
        base: file and content of an older generation of the same store. When nothing has been
            removed since, only what is new is added to it. Otherwise BM25 would go on counting
            what was removed, so all is written anew.

    Raises:
        OSError: it could not be written whole (a full disk, mostly).
        ArtefactError: the store is damaged.
    """
    import tantivy

    with _tantivy_errors(), scratch(path.parent, "words-") as place:
        folder, tarred = place / "index", place / path.name
        folder.mkdir()
        before = _unpack_base(base, snapshot, folder)
        if before:
            index = _open(folder)
        else:
            index = tantivy.Index(_schema(), path=str(folder))
            index.register_tokenizer("words", _analyzer())
        # One thread, so that chunks lie in the order of their ids.
        writer = index.writer(_HEAP, num_threads=1)
        for chunk, title, section, text in snapshot.texts_to_find(missing_in=before):
            # A title or section word counts twice: both are short and say what a text is about.
            words = " ".join((title, title, section, section, text))
            writer.add_document(tantivy.Document(chunk=chunk, text=words))
        writer.commit()
        writer.wait_merging_threads()
        with tarfile.open(tarred, "w") as tar:
            for part in sorted(folder.iterdir()):
                if part.suffix != ".lock":
                    tar.add(part, part.name)
        seal(tarred, snapshot.identity)
        tarred.replace(path)


def _unpack_base(
    base: tuple[Path, Snapshot] | None, snapshot: Snapshot, folder: Path
) -> Snapshot | None:
    """Unpack an older file that can be added to; returns what it holds."""
    if base is None or not is_sealed(base[0], base[1].identity):
        return None
    if base[1].has_more_than(snapshot):
        return None
    _unpack(base[0], folder)
    return base[1]


class WordIndex:
    """BM25 search over one generation's chunks; immutable, safe to share by threads.

    Args:
        path: a file that `write_words` has written. It may be moved or removed while it is open.

    Raises:
        DiskError: there is no room for the copy that is opened.
    """

    def __init__(self, path: Path) -> None:
        temporary = Path(gettempdir())
        # Once opened, the files stay mapped although the directory goes.
        with writing(temporary), _tantivy_errors(), scratch(temporary, "medrag-words-") as folder:
            _unpack(path, folder)
            index = _open(folder)
            index.config_reader(reload_policy="manual")
            self._searcher = index.searcher()
        self._schema = index.schema
        self._analyzer = _analyzer()

    def search(self, words: Sequence[str], k: int) -> list[tuple[int, float]]:
        """BM25 over title, section and text: (chunk id, score), best first.

        Args:
            words: chunks with any of them, or another form of its stem, are found.
        """
        from tantivy import Occur, Query

        stems = dict.fromkeys(stem for word in words for stem in self._analyzer.analyze(word))
        terms = [
            (Occur.Should, Query.term_query(self._schema, "text", stem, index_option="freq"))
            for stem in stems
        ]
        hits = self._searcher.search(Query.boolean_query(terms), k, count=False).hits
        chunks: list[Any] = self._searcher.fast_field_values("chunk", [hit[1] for hit in hits])
        found = zip(chunks, (hit[0] for hit in hits), strict=True)
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))

    def frequency(self, word: str) -> int:
        """In how many chunks a word, or another form of its stem, occurs.

        Of what has several parts ("2.5"), the rarest one counts.
        """
        stems = self._analyzer.analyze(word)
        return min((self._searcher.doc_freq("text", stem) for stem in stems), default=0)


def _unpack(path: Path, folder: Path) -> None:
    with tarfile.open(path) as tar:
        tar.extractall(folder, filter="data")


def _open(folder: Path) -> Index:
    from tantivy import Index

    index = Index.open(str(folder))
    index.register_tokenizer("words", _analyzer())
    return index


def _schema() -> Schema:
    from tantivy import SchemaBuilder

    builder = SchemaBuilder()
    builder.add_integer_field("chunk", fast=True)
    # The texts are in the store, and no query asks for words side by side.
    builder.add_text_field("text", tokenizer_name="words", index_option="freq")
    return builder.build()


def _analyzer() -> TextAnalyzer:
    """Letters and digits, lower case, accents folded, English stems."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    return (
        TextAnalyzerBuilder(Tokenizer.simple())
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
        .filter(Filter.stemmer("english"))
        .build()
    )


@contextmanager
def _tantivy_errors() -> Iterator[None]:
    """Tantivy reports a disk that refuses as a `ValueError`, in words."""
    try:
        yield
    except ValueError as error:
        raise OSError(errno.EIO, str(error).splitlines()[0]) from error
