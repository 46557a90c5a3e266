"""Build or update an index: read → chunk → store → embed → publish; resumable at any point.

Each step commits what it finished and skips what is already there, so a build that was killed
goes on where it stood. Readers see nothing of it until the new manifest is in place.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from ..config import PipelineConfig, Precision
from ..embedding import Embedder, open_embedder
from ..errors import ArtefactError, ConfigError, CorpusError, FormatError, MismatchError
from ..ingestion.chunking import Chunker
from ..ingestion.parsing.pool import ParserPool
from ..manifest import MANIFEST, Manifest, fingerprint, read_manifest, replacing_file
from ..progress import peak_mb
from ..stores.local.database import DATABASE
from ..stores.local.directory import build_lock, generation_folder, remove_unheld, writing
from ..stores.local.opening import open_store
from ..stores.local.snapshot import Snapshot
from ..stores.local.store import ADDED_BY_HAND, Store
from ..stores.local.vectors import Made
from .documents import CorpusReader
from .embedding import Embedding
from .publishing import Publisher
from .report import BuildReport

# Raise it when readers, cleaning or chunking give other text for the same input.
TEXT_VERSION = 3
QUARANTINE = "quarantine.jsonl"
_log = logging.getLogger(__name__)


class IndexBuilder:
    """Brings one index directory up to date with a corpus.

    Args:
        config: `corpus`, `chunking`, `embedder`, `cache` and `index` are used.
        embedder: shared with the caller when it has one loaded already.

    Raises:
        ConfigError: chunks would be longer than what the embedder reads.
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
        if not self._config.corpus.paths:
            raise CorpusError(
                "corpus.paths is empty; name files or directories: "
                "python -m medrag.build_index 'corpus.paths=[DIR]'"
            )
        # One name for "notes", "notes/" and "~/notes": what is away is known by it.
        return self._run([_absolute(path) for path in self._config.corpus.paths], origin="corpus")

    def add(self, path: str | Path) -> BuildReport:
        """Add one file or URL; it stays until it is removed by hand, whatever the corpus is.

        Raises:
            CorpusError: the document cannot be used, and why.
        """
        return self._run([_absolute(path)], origin="added")

    def remove(self, path: str | Path) -> BuildReport:
        """Remove one file or URL that was added by hand; what is in the corpus leaves with it.

        Raises:
            CorpusError: it was not added by hand, or nothing would be left.
        """
        return self._run([_absolute(path)], origin="removed")

    def _run(self, paths: Sequence[str], origin: str) -> BuildReport:
        started = time.monotonic()
        _check_ours(self._directory)
        with writing(self._directory), build_lock(self._directory):
            # What is added by hand does not replace a whole index.
            rebuild = origin == "corpus" and self._config.index.rebuild
            previous = self._previous(rebuild)
            with open_store(self._directory, self._embedder.fingerprint, rebuild) as store:
                published = int(previous.settings["generation"]) if previous else 0
                build = 1 + max(published, store.generation)  # the manifest may be lost
                self._prepare(store, build, rebuild)
                if store.generation < published:
                    # An older copy: what it writes must not pass for what is published.
                    with store.transaction():
                        store.set_meta("id", uuid.uuid4().hex)
                _begin(store, origin)
                report = BuildReport(self._directory, generation=published)
                parsers = ParserPool(self._config.corpus, self._chunker)
                reading = CorpusReader(
                    store, self._config.corpus, parsers, self._chunker, build, report
                )
                downloads = self._directory / ".medrag-downloads"  # a name that nobody else uses
                if origin == "removed":
                    _remove_added(store, paths[0], build, report)
                    paths = []
                with (
                    Embedding(store, self._embedder, self._config.cache, report) as embedding,
                    closing(reading.read(paths, origin, downloads)) as stored,
                    closing(reading.read_unread(downloads)) as stored_again,
                ):
                    # While these are embedded, the parsers go on in their processes.
                    for texts in chain(stored, stored_again):
                        embedding.embed(texts)
                    embedding.embed_rest(self._chunker)
                snapshot = Snapshot(store, build)
                report.counts = snapshot.counts()
                if not report.counts.documents:
                    raise CorpusError(_nothing_usable(store, paths))
                wanted = fingerprint(
                    {"recipe": self._recipe(), "corpus": snapshot.corpus_fingerprint()}
                )
                same_store = previous is not None and previous.settings["store"] == store.get_meta(
                    "id"
                )
                before = Snapshot(store, published) if same_store else None
                if (
                    before is None
                    or previous is None
                    or previous.fingerprint != wanted
                    or previous.settings["kind"] != self._config.index.kind
                ):
                    publisher = Publisher(store, self._config, self._embedder, report)
                    made = publisher.publish(snapshot, before, wanted)
                else:
                    made = Made(**previous.settings["vectors"])
                    # Files of a build that was killed before it could publish them.
                    for number in range(published + 1, build + 1):
                        folder = generation_folder(self._directory, number)
                        shutil.rmtree(folder, ignore_errors=True)
                    with store.transaction():
                        store.forget_meta("unfinished")
                report.kind, report.recall_at_10 = made.kind, made.recall_at_10
                # Without anything new, too: a build that was killed may have left it undone.
                store.purge(remove_unheld(self._directory, before=report.generation - 1))
                report.quarantined = _write_quarantine(self._directory, store)
                shutil.rmtree(downloads, ignore_errors=True)  # all is in the store
        report.seconds = time.monotonic() - started
        report.peak_mb = peak_mb()
        return report

    def _previous(self, rebuild: bool) -> Manifest | None:
        """The manifest there is; a damaged one is no loss, the store has all it takes."""
        try:
            return read_manifest(self._directory, "index")
        except ArtefactError as error:
            replaced = rebuild and isinstance(error, FormatError)
            if isinstance(error, MismatchError) and not replaced:
                raise
            if (self._directory / MANIFEST).exists():
                _log.warning("%s", error)
            return None

    def _recipe(self) -> dict[str, Any]:
        """Everything beside the corpus that decides what the index holds."""
        return {
            "text_version": TEXT_VERSION,
            "fields": asdict(self._config.corpus.fields),
            "chunking": asdict(self._config.chunking),
            "embedder": self._embedder.fingerprint,
        }

    def _prepare(self, store: Store, build: int, rebuild: bool) -> None:
        """Make sure the store's content was, and will be, made with one recipe."""
        self._check_precision(store, rebuild)
        recipe = json.dumps(self._recipe(), sort_keys=True)
        found = store.get_meta("recipe")
        if found == recipe:
            return
        if found is not None and build > 1 and not rebuild:
            was, now = json.loads(found), self._recipe()
            differing = ", ".join(
                f"{name}: {was.get(name)} → {now[name]}"
                for name in now
                if was.get(name) != now[name]
            )
            raise MismatchError(
                f"{self._directory} was made with other settings ({differing}); build it again "
                "with index.rebuild=true to replace it, or choose another index.dir"
            )
        with store.transaction():
            if store.get_meta("id") is None:
                store.set_meta("id", uuid.uuid4().hex)
            store.forget_all(build)
            store.set_meta("recipe", recipe)

    def _check_precision(self, store: Store, rebuild: bool) -> None:
        """Say it when vectors that are there stay in a precision that is not asked for.

        They stand for the same texts in the same space, so they are not made again.
        """
        wanted = self._config.embedder.precision
        others = [name for name in store.precisions() if name != wanted]
        if wanted == Precision.auto or not others:
            return
        holds = f"{self._directory} holds vectors in {' and '.join(others)}"
        if rebuild:
            raise MismatchError(
                f"{holds}, which index.rebuild=true keeps; delete the directory to have them in "
                f"embedder.precision={wanted}"
            )
        _log.warning("%s; only new texts get embedder.precision=%s", holds, wanted)


def _check_ours(directory: Path) -> None:
    """Keep a build from taking somebody's folder for what it has left there itself.

    Raises:
        ConfigError: there is such a one, and no index.
    """
    if any((directory / name).exists() for name in (MANIFEST, DATABASE)):
        return
    if (directory / "generations").exists():
        raise ConfigError(
            f"index.dir={directory} holds no index, but generations, a name that builds use and "
            "clean; choose another directory, or move it away"
        )


def _begin(store: Store, origin: str) -> None:
    """Keep what a mirror has done so far from being published by anything but a mirror.

    Raises:
        CorpusError: one has not finished.
    """
    if origin == "corpus":
        with store.transaction():
            store.set_meta("unfinished", "mirror")
    elif store.get_meta("unfinished"):
        raise CorpusError(
            "the last build of this index did not finish; run it again first: "
            "python -m medrag.build_index 'corpus.paths=[DIR]' "
            f"index.dir={store.path.parent}"
        )


def _absolute(path: str | Path) -> str:
    """As the store knows it, found again when the index is made anew from somewhere else."""
    given = str(path)
    if "://" in given:
        return given
    return os.path.abspath(os.path.expanduser(given))  # noqa: PTH100, PTH111  # links stay links


def _remove_added(store: Store, root: str, build: int, report: BuildReport) -> None:
    added = [id_ for id_, where in store.connection.execute(ADDED_BY_HAND) if where == root]
    if not added:
        raise CorpusError(f"{root} was not added by hand; a document of the corpus leaves with it")
    with store.transaction():
        for file in added:
            report.removed += store.remove_file_documents(file, build)
            store.forget_file(file)
        if not Snapshot(store, build).counts().documents:
            raise CorpusError(f"{root} is all that the index holds; delete the directory instead")


def _nothing_usable(store: Store, paths: Sequence[str]) -> str:
    rejected = store.rejected()
    nothing = f"no usable document under {', '.join(paths)}"
    if (first := next(rejected, None)) is None:
        return nothing
    return f"{nothing}; first of {1 + sum(1 for _ in rejected)}: {first[1]}: {first[2]}"


def _write_quarantine(directory: Path, store: Store) -> int:
    """Write `quarantine.jsonl`, one line per rejected document; returns how many."""
    count = 0
    with replacing_file(directory / QUARANTINE) as lines:
        for file, id_, reason in store.rejected():
            line = json.dumps({"file": file, "id": id_, "reason": reason}, ensure_ascii=False)
            lines.write(line.encode() + b"\n")
            count += 1
    return count
