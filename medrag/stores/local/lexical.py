"""The lexical side of an index: BM25 by tantivy, in one immutable file per generation.

BM25 counts in how many chunks a word occurs. If a build prepared its generation in the file that
readers search, their scores would change; so each generation has its own. The file is a tar of a
tantivy index. Readers open a copy, because tantivy locks the directory that it opens, and a reader
may not be allowed to write there.
"""

from __future__ import annotations

import errno
import math
import re
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...text.words import MARKS, UNSPACED, searchable
from ..protocols import Alternatives
from .directory import is_sealed, scratch, seal, writing
from .snapshot import Snapshot

if TYPE_CHECKING:
    from tantivy import Index, Query, Schema, TextAnalyzer

WORDS = "words.tantivy"
_HEAP = 64_000_000  # bytes that tantivy gathers before it writes a segment
_DEEPER = 8  # times as many hits, when a search among selected chunks has found too few

_UNSPACED_LETTER = re.compile(f"[{UNSPACED}]")
# tantivy divides words at viramas and tone marks; letters that no text has stand for them: Egyptian
# hieroglyphs.
_MARK = re.compile(f"[{MARKS}]")
_AS_LETTER = {mark: chr(0x13000 + number) for number, mark in enumerate(MARKS)}


def write_words(path: Path, snapshot: Snapshot, base: tuple[Path, Snapshot] | None) -> None:
    """Write the file of a generation.

    Args:
        base: file and content of an older generation of the same store. If nothing was removed
            since, only new chunks are added to it. Otherwise everything is written again, because
            BM25 would go on counting what was removed.

    Raises:
        OSError: it could not be written completely, mostly because the disk is full.
        ArtefactError: the store is damaged.
    """
    import tantivy

    with _tantivy_errors(), scratch(path.parent, "words-") as place:
        folder, tarred = place / "index", place / path.name
        folder.mkdir()
        before = None
        if base and is_sealed(base[0], base[1].identity) and not base[1].has_more_than(snapshot):
            before = base[1]
            _unpack(base[0], folder)
            index = _open(folder)
        else:
            index = tantivy.Index(_schema(), path=str(folder))
            index.register_tokenizer("words", _analyzer())
        # One thread, so that chunks lie in the order of their ids.
        writer = index.writer(_HEAP, num_threads=1)
        for chunk, title, section, text in snapshot.texts_to_find(missing_in=before):
            # A title or section word counts twice: both are short and say what a text is about.
            words = " ".join((title, title, section, section, text))
            writer.add_document(tantivy.Document(chunk=chunk, text=_in_letters(words)))
        writer.commit()
        writer.wait_merging_threads()
        with tarfile.open(tarred, "w") as tar:
            for part in sorted(folder.iterdir()):
                if part.suffix != ".lock":
                    tar.add(part, part.name)
        seal(tarred, snapshot.identity)
        tarred.replace(path)


class WordIndex:
    """BM25 search over one generation's chunks; immutable, safe to share by threads.

    Args:
        path: a file that `write_words` has written. It may be moved or removed while it is open.

    Raises:
        DiskError: there is no room for the copy.
    """

    def __init__(self, path: Path) -> None:
        temporary = Path(gettempdir())
        # The opened files stay mapped after the directory is removed.
        with writing(temporary), _tantivy_errors(), scratch(temporary, "medrag-words-") as folder:
            _unpack(path, folder)
            index = _open(folder)
            index.config_reader(reload_policy="manual")
            self._searcher = index.searcher()
        self._schema = index.schema
        self._analyzer = _analyzer()

    def search(
        self, words: Sequence[str | Alternatives], k: int, among: NDArray[np.int64] | None = None
    ) -> list[tuple[int, float]]:
        """BM25 over title, section and text: (chunk id, score), best first.

        Args:
            words: chunks with any of them, or another form of its stem, are found. A single letter
                of a script without spaces is found in any word; that adds 1 to the score. Of
                alternatives, the one that scores best counts. All words of each are needed, except
                of the first: those count one by one, as in a question.
            among: ids of the chunks that may be found, sorted; all by default.
        """
        from tantivy import Occur, Query

        plain = [word for word in words if isinstance(word, str)]
        parts = self._queries(plain)
        parts += [self._best_of(ways) for ways in words if not isinstance(ways, str)]
        query = Query.boolean_query([(Occur.Should, part) for part in parts])
        everything = max(1, self._searcher.num_docs)
        depth = min(k, everything)
        while True:
            hits = self._searcher.search(query, depth, count=False).hits
            chunks: list[Any] = self._searcher.fast_field_values("chunk", [hit[1] for hit in hits])
            found = list(zip(chunks, (hit[0] for hit in hits), strict=True))
            if among is not None:
                wanted = np.isin(np.array(chunks, dtype=np.int64), among, assume_unique=True)
                found = [hit for hit, is_wanted in zip(found, wanted, strict=True) if is_wanted]
            if len(found) >= k or len(hits) < depth or depth == everything:
                return sorted(found, key=lambda hit: (-hit[1], hit[0]))[:k]
            # Too few of the best are among the selected chunks: look further down.
            depth = min(depth * _DEEPER, everything)

    def frequency(self, word: str) -> int:
        """In how many chunks a word, or another form of its stem, occurs.

        Of a word with several parts ("2.5"), the rarest part counts.
        """
        return min(map(self._count, self._stems(word)), default=0)

    def frequency_of_all(self, words: Sequence[str]) -> int:
        """In how many chunks all of some words, or other forms of their stems, occur."""
        from tantivy import Occur, Query

        parts = self._queries(words)
        if not parts:
            return 0
        every = Query.boolean_query([(Occur.Must, part) for part in parts])
        found: Any = self._searcher.search(every, 1)
        return int(found.count)

    def _stems(self, word: str) -> list[str]:
        stems: list[str] = self._analyzer.analyze(_in_letters(word))
        return stems

    def _queries(self, words: Iterable[str]) -> list[Query]:
        stems = dict.fromkeys(stem for word in words for stem in self._stems(word))
        return [self._query(stem) for stem in stems]

    def _best_of(self, ways: Alternatives) -> Query:
        from tantivy import Occur, Query

        asked, *others = ways
        each = [Query.boolean_query([(Occur.Should, part) for part in self._queries(asked)])]
        most = self._weight(asked)
        for way in others:
            every = Query.boolean_query([(Occur.Must, part) for part in self._queries(way)])
            # Three words for one must not count three times as much.
            weight = self._weight(way)
            each.append(Query.boost_query(every, most / weight) if 0 < most < weight else every)
        return Query.disjunction_max_query(each)

    def _weight(self, words: Iterable[str]) -> float:
        """How much words can add to a score: the sum of BM25's weights of those that occur."""
        stems = {stem for word in words for stem in self._stems(word)}
        chunks = self._searcher.num_docs
        counts = [count for stem in stems if (count := self._count(stem))]
        return sum(math.log(1 + (chunks - count + 0.5) / (count + 0.5)) for count in counts)

    def _query(self, stem: str) -> Query:
        from tantivy import Query

        if _UNSPACED_LETTER.fullmatch(stem):
            return Query.regex_query(self._schema, "text", f".?{stem}.?")
        return Query.term_query(self._schema, "text", stem, index_option="freq")

    def _count(self, stem: str) -> int:
        if _UNSPACED_LETTER.fullmatch(stem):
            found: Any = self._searcher.search(self._query(stem), 1)
            return int(found.count)
        return self._searcher.doc_freq("text", stem)


def _in_letters(text: str) -> str:
    """A text so that tantivy's words are those of `words`."""
    text = searchable(text)
    return text if text.isascii() else _MARK.sub(lambda mark: _AS_LETTER[mark[0]], text)


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
    # Texts are in the store, and no query asks for adjacent words: positions are not needed.
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
    """Turn the `ValueError` that tantivy raises for a full disk into an `OSError`."""
    try:
        yield
    except ValueError as error:
        raise OSError(errno.EIO, str(error).splitlines()[0]) from error
