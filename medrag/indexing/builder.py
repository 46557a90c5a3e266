"""Build or update an index: read → chunk → store → embed → publish; resumable at any point.

Each step commits what it finished and skips what is already there, so a build that was killed
continues where it was. Readers see nothing of it until the new manifest is in place.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ..config import PipelineConfig, Precision
from ..config.corpus import path_list
from ..embedding import Embedder, open_embedder
from ..errors import ConfigError, CorpusError, MismatchError
from ..ingestion.chunking import Chunker
from ..ingestion.written import NOTES, QUARANTINE
from ..manifest import REBUILD_INDEX, fingerprint
from ..progress import peak_mb
from ..stores import IndexWriter, RejectCode, open_store
from .documents import CorpusReader
from .embedding import Embedding, Text
from .publishing import (
    BuildReport,
    index_settings,
    precisions,
    recipe,
    write_notes,
    write_quarantine,
)
from .reasons import grouped, nothing_usable, skipped_by
from .replaced import Roots

_log = logging.getLogger(__name__)


class IndexBuilder:
    """Brings one index up to date.

    Args:
        config: `corpus`, `chunking`, `embedder`, `cache` and `index` are used.
        embedder: one that is loaded already, to be shared; by default the configured one.

    Raises:
        ConfigError: chunks would be longer than the embedder can read.
    """

    def __init__(self, config: PipelineConfig, embedder: Embedder | None = None) -> None:
        self._config = config
        self._embedder = embedder or open_embedder(config.embedder)
        if config.chunking.max_tokens > self._embedder.max_tokens:
            raise ConfigError(
                f"chunking.max_tokens={config.chunking.max_tokens} is more than the "
                f"{self._embedder.max_tokens} tokens that {self._embedder.name} reads; lower it"
            )
        self._chunker = Chunker(self._embedder, config.chunking.max_tokens)
        self._directory = Path(config.index.dir)

    def mirror(self) -> BuildReport:
        """Make the index hold what `corpus.paths` hold now, and what was added by hand.

        Raises:
            CorpusError: nothing usable was found; or, with `corpus.strict`, the first document
                that cannot be used.
            MismatchError: the index was made with other settings and `index.rebuild` is off.
            BusyError: another process is building into the same directory.
        """
        given = path_list(self._config.corpus.paths)  # it may have been set after its check
        if not given:
            raise CorpusError(
                "corpus.paths is empty; name files or directories: "
                "python -m medrag.build_index 'corpus.paths=[DIR]'"
            )
        # One name for "notes", "notes/" and "~/notes": files are known by it when they are away.
        paths = [_absolute(path) for path in given]
        with self._open(rebuild=self._config.index.rebuild) as reader:
            roots = Roots(reader.writer)
            self._embed(reader, reader.mirror(paths))
            if reader.writer.is_empty():
                raise CorpusError(self._nothing_usable(reader.writer, paths))
            reader.end_mirror()
            self._publish(reader)
            if reader.report.published:
                removed = reader.report.removed
                reader.report.warning = roots.warning(paths, removed, self._directory)
                roots.note()
        return reader.report

    def add(self, path: str | Path) -> BuildReport:
        """Add one file or URL; it stays until it is removed by hand, whatever the corpus is.

        Raises:
            CorpusError: the document cannot be used, and why.
        """
        with self._open() as reader:
            reader.check_mirrored()
            self._embed(reader, reader.add(_absolute(path)))
            self._publish(reader)
        return reader.report

    def remove(self, path: str | Path) -> BuildReport:
        """Remove one file or URL that was added by hand.

        Raises:
            CorpusError: it was not added by hand, or nothing would be left.
        """
        with self._open() as reader:
            reader.check_mirrored()
            reader.remove(_absolute(path))
            self._embed(reader)
            self._publish(reader)
        return reader.report

    # --- what the three have in common ------------------------------------------------------

    @contextmanager
    def _open(self, *, rebuild: bool = False) -> Iterator[CorpusReader]:
        """Open the store for one build, and finish its report at the end."""
        started = time.monotonic()
        store = open_store(self._config.index)
        with store.open_writer(self._embedder.fingerprint, rebuild=rebuild) as writer:
            self._check_recipe(writer, rebuild)
            reader = CorpusReader(writer, self._config.corpus, self._chunker, self._directory)
            yield reader
            shutil.rmtree(reader.downloads, ignore_errors=True)  # everything is in the store
        reader.report.seconds = time.monotonic() - started
        reader.report.peak_mb = peak_mb()

    def _check_recipe(self, writer: IndexWriter, rebuild: bool) -> None:
        """Make sure that the content of the store was, and will be, made with one recipe."""
        self._check_precision(writer, rebuild)
        now = recipe(self._config, self._embedder)
        found = writer.get_meta("recipe")
        was = json.loads(found) if found else None
        if was == now:
            return
        if was and not rebuild and not writer.is_new:
            differing = ", ".join(
                f"{name}: {was.get(name)} → {now[name]}"
                for name in now
                if was.get(name) != now[name]
            )
            model = self._config.embedder.model
            again = REBUILD_INDEX.format(dir=self._directory)
            again += f" embedder.model={model}" if model else ""
            raise MismatchError(
                f"{self._directory} was made with other settings ({differing}); rebuild it: "
                f"{again}, or choose another index.dir"
            )
        with writer.transaction():
            writer.forget_all()
            writer.set_meta("recipe", json.dumps(now, sort_keys=True))

    def _check_precision(self, writer: IndexWriter, rebuild: bool) -> None:
        """Warn when vectors in the store keep another precision than the one asked for.

        They are not computed again: they stand for the same texts in the same space.
        """
        wanted = self._config.embedder.precision
        others = [name for name in precisions(writer) if name != wanted]
        if wanted == Precision.auto or not others:
            return
        holds = f"{self._directory} holds vectors in {' and '.join(others)}"
        if rebuild:
            raise MismatchError(
                f"{holds}, which index.rebuild=true keeps; to get them in "
                f"embedder.precision={wanted}, delete the directory and build again"
            )
        _log.warning("%s; only new texts get embedder.precision=%s", holds, wanted)

    def _embed(self, reader: CorpusReader, *stored: Generator[list[Text], None, None]) -> None:
        """Embed texts as they are stored, and those that a build that was killed has left."""
        embedding = Embedding(reader.writer, self._embedder, self._config.cache, reader.report)
        with closing(embedding):
            for new in (*stored, reader.add_unread()):
                # While these are embedded, the parsers go on in their processes.
                with closing(new):
                    for texts in new:
                        embedding.embed(texts)
            embedding.embed_rest(self._chunker)

    def _publish(self, reader: CorpusReader) -> None:
        """Publish what was prepared, unless it is published already."""
        writer, report = reader.writer, reader.report
        content = writer.content()
        made_of = {
            "recipe": recipe(self._config, self._embedder),
            "corpus": content.fingerprint,
        }
        settings = index_settings(self._config, self._embedder)
        published = writer.publish(fingerprint(made_of), settings, content)
        # Even without anything new: a build that was killed may not have got here.
        writer.clean_up()
        report.counts = content.counts
        report.generation = published.generation
        report.published = published is not writer.previous
        if report.published:
            changes = writer.changes()
            report.added, report.changed = changes.added, changes.changed
            report.removed = changes.removed
        report.kind = published.vectors.kind
        report.recall_at_10 = published.vectors.recall_at_10
        report.flags, report.left_out = content.flags, content.left_out
        report.quarantined = write_quarantine(self._directory, writer)
        report.notes = write_notes(self._directory, writer, content.fingerprint)
        report.skipped = skipped_by(
            (id_, reason) for _, id_, reason in writer.rejected([RejectCode.skipped])
        )

    def _nothing_usable(self, writer: IndexWriter, paths: list[str]) -> str:
        """Why there is nothing to publish; the reasons are listed in files all the same."""
        write_quarantine(self._directory, writer)
        write_notes(self._directory, writer, "")
        reasons = grouped((id_, why) for _, id_, why in writer.rejected(list(RejectCode)))
        listed_in = [str(self._directory / name) for name in (QUARANTINE, NOTES)]
        return nothing_usable(paths, reasons, listed_in)


def _absolute(path: str | Path) -> str:
    """The name the store knows a path by, whatever the working directory is."""
    given = str(path)
    if "://" in given:
        return given
    return os.path.abspath(os.path.expanduser(given))  # noqa: PTH100, PTH111  # links stay links
