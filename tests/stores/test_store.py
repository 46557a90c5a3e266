"""Changes that a build must see, manifests it cannot use, and a connection for all threads."""

from __future__ import annotations

import gc
import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from medrag import PipelineConfig
from medrag.errors import FormatError, MismatchError
from medrag.indexing import BuildReport
from medrag.manifest import MANIFEST, SCHEMA, fingerprint, write_manifest
from medrag.stores import in_documents, open_index, open_store
from medrag.stores.local.index import Index

Build = Callable[[], BuildReport]


def write_pdf(path: Path, pages: list[str]) -> None:
    canvas = Canvas(str(path))
    for text in pages:
        canvas.drawString(72, 720, text)
        canvas.showPage()
    canvas.save()


def page_of(config: PipelineConfig, document: str, sentence: str) -> int | None:
    with Index(config.index.dir) as index:
        text = index.document_text(document)
        assert text and sentence in text
        return index.page_at(document, text.index(sentence))


def test_pages_put_in_between_move_what_is_behind_them(
    build: Build, corpus: Path, config: PipelineConfig
) -> None:
    """The text and its chunks are the same; the citation must not be."""
    first, last = "Iron tablets turn the stool black.", "Zinc lozenges shorten a cold."
    write_pdf(corpus / "leaflet.pdf", [first, last])
    build()
    assert page_of(config, "leaflet.pdf", last) == 2
    write_pdf(corpus / "leaflet.pdf", [first, "", "", last])
    report = build()
    assert (report.changed, report.embedded_chunks, report.published) == (1, 0, True)
    assert page_of(config, "leaflet.pdf", first) == 1
    assert page_of(config, "leaflet.pdf", last) == 4


def rewrite_manifest(directory: Path, **changes: object) -> None:
    """As another version would have written it: with a correct checksum."""
    content = json.loads((directory / MANIFEST).read_text(encoding="utf-8")) | changes
    del content["checksum"]
    content["checksum"] = fingerprint(content)
    (directory / MANIFEST).write_text(json.dumps(content), encoding="utf-8")


def test_a_manifest_of_another_format_is_replaced_on_request(
    build: Build, config: PipelineConfig
) -> None:
    build()
    rewrite_manifest(Path(config.index.dir), schema=SCHEMA + 1)
    with pytest.raises(MismatchError, match=rf"format {SCHEMA + 1} .*index\.rebuild=true"):
        build()
    config.index.rebuild = True
    report = build()
    assert (report.published, report.embedded_chunks) == (True, 0)
    with Index(config.index.dir) as index:
        assert index.content().counts.documents == 3


def test_a_digit_of_the_format_that_was_flipped_is_damage(
    build: Build, config: PipelineConfig
) -> None:
    build()
    path = Path(config.index.dir, MANIFEST)
    sound = path.read_text(encoding="utf-8")
    path.write_text(sound.replace(f'"schema": {SCHEMA}', f'"schema": {SCHEMA + 1}'))
    assert path.read_text(encoding="utf-8") != sound
    assert build().embedded_chunks == 0
    with Index(config.index.dir) as index:
        assert index.content().counts.documents == 3


def test_another_kind_of_artefact_is_not_replaced_even_on_request(
    build: Build, config: PipelineConfig
) -> None:
    build()
    config.index.rebuild = True
    rewrite_manifest(Path(config.index.dir), kind="dataset")
    with pytest.raises(MismatchError, match="holds a dataset"):
        build()
    rewrite_manifest(Path(config.index.dir), schema=SCHEMA + 1)
    with pytest.raises(MismatchError, match="holds a dataset"):
        build()


def test_the_manifest_says_what_the_index_was_made_with(
    build: Build, config: PipelineConfig
) -> None:
    report = build()
    manifest = open_store(config.index).manifest()
    assert manifest.content.counts == report.counts
    assert manifest.settings.embedder_config == config.embedder
    assert manifest.settings.chunking == config.chunking
    write_manifest(Path(config.index.dir), manifest.to_manifest())
    assert open_store(config.index).manifest() == manifest


def test_an_older_manifest_names_only_the_model(build: Build, config: PipelineConfig) -> None:
    build()
    directory = Path(config.index.dir)
    settings = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))["settings"]
    del settings["embedder_config"], settings["cache"]
    rewrite_manifest(directory, settings=settings)
    assert open_store(config.index).manifest().settings.embedder_config.model == ""
    assert build().published is False


def test_a_manifest_with_other_fields_is_replaced_on_request(
    build: Build, config: PipelineConfig
) -> None:
    build()
    rewrite_manifest(Path(config.index.dir), settings={"generation": 1})
    for use in (build, lambda: open_index(config.index)):
        with pytest.raises(FormatError, match=r"rebuild it: .*index\.rebuild=true$"):
            use()
    config.index.rebuild = True
    assert build().published
    with open_index(config.index.dir) as index:
        assert index.counts.documents == 3


# --- one connection -------------------------------------------------------------------------


@pytest.fixture
def _threads_switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_an_index_is_closed_when_nothing_refers_to_it(build: Build, config: PipelineConfig) -> None:
    build()
    index = Index(config.index.dir)
    query = index.chunk_vectors([1])[1]
    assert index.search_vectors(query, 1, in_documents(index.document_ids()))
    gc.disable()  # it would also free an index that refers to itself, but later
    try:
        del index
        links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()]
    finally:
        gc.enable()
    assert str(Path(config.index.dir, "store.sqlite")) not in links


@pytest.mark.usefixtures("_threads_switch_often")
def test_an_index_may_be_closed_while_threads_read_it(build: Build, config: PipelineConfig) -> None:
    """Python would crash if a connection were closed while a statement is executed."""
    build()
    for number in range(200):
        index = Index(config.index.dir)
        reading = threading.Barrier(4)

        def read(index: Index = index, reading: threading.Barrier = reading) -> None:
            reading.wait()
            with suppress(sqlite3.ProgrammingError):  # it was closed
                while True:
                    assert index.hits([1]) and index.identity

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        reading.wait()
        time.sleep(number % 20 * 2e-4)
        index.close()
        for thread in threads:
            thread.join()


def test_a_forked_process_reads_by_itself(
    build: Build, corpus: Path, config: PipelineConfig
) -> None:
    build()
    with Index(config.index.dir) as index:
        texts = list(index.texts())
        held = index.texts()
        assert next(held) == texts[0]  # a statement is under way
        child = os.fork()
        if not child:
            right = list(index.texts()) == texts
            index.close()
            os._exit(0 if right else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert [texts[0], *held] == texts
        (corpus / "gout.txt").unlink()
        build()
        assert list(index.texts()) == texts  # its generation is still held
