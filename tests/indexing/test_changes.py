"""Changes during a build and around it: nothing is lost, mistaken for damage, or cleared away."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from medrag import CacheConfig, ChunkingConfig, IndexConfig, PipelineConfig
from medrag.errors import ArtefactError, ConfigError
from medrag.indexing import BuildReport, IndexBuilder, config_from_manifest
from medrag.indexing import documents as reading
from medrag.ingestion import TextEmbedder
from medrag.manifest import file_sha256
from medrag.stores import open_index, open_store
from medrag.stores.local.database import DATABASE, Database
from medrag.stores.local.index import Index
from tests.indexing.test_builder import contents, quarantined

Build = Callable[[], BuildReport]
ROOT = Path(__file__).resolve().parents[2]


def interrupted(after: float, work: Callable[[], object]) -> BaseException | None:
    """The error after Ctrl-C, so many seconds after a piece of work was started."""
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        work()
        timer.join()
        time.sleep(0.01)
    except BaseException as error:
        timer.cancel()  # another error than Ctrl-C; it must not interrupt what comes next
        return error
    return None


def press_ctrl_c(directory: str, fingerprint: str) -> None:
    """Interrupt a check of an index, and the reading of it, at many moments."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell ignores it
    store = Path(directory, DATABASE)

    def check() -> None:
        with open_store(IndexConfig(directory)).open_writer(fingerprint, rebuild=True):
            pass

    before, started = store.stat().st_ino, time.monotonic()
    check()
    takes = time.monotonic() - started
    errors = [interrupted(takes * share / 30, check) for share in range(1, 30)]
    assert {type(error) for error in errors} <= {KeyboardInterrupt, type(None)}
    assert any(isinstance(error, KeyboardInterrupt) for error in errors)
    assert store.stat().st_ino == before

    with Index(directory) as index:
        for share in range(1, 20):
            error = interrupted(takes * share / 30, lambda: list(index.all_vectors()))
            assert error is None or isinstance(error, KeyboardInterrupt)
        assert index.content().counts.documents == 303


@pytest.mark.slow
def test_ctrl_c_is_not_taken_for_damage(
    build: Build, corpus: Path, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    for number in range(300):
        (corpus / f"{number}.txt").write_text(f"Note {number} is about zinc.")
    build()
    code = f"from {__name__} import press_ctrl_c; import sys; press_ctrl_c(*sys.argv[1:])"
    # In a process of its own: in one full of native threads, the signal itself may crash it.
    command = [sys.executable, "-c", code, config.index.dir, embedder.fingerprint]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")


def test_running_out_of_files_is_not_taken_for_damage(build: Build, config: PipelineConfig) -> None:
    build()
    store = Path(config.index.dir, DATABASE)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    fillers = [os.open("/dev/null", os.O_RDONLY) for _ in range(used)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(fillers) + 1, limit[1]))
    try:
        with pytest.raises(ArtefactError, match="cannot be read now") as caught:
            Database(store, read_only=True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
        for filler in fillers:
            os.close(filler)
    assert "damaged" not in str(caught.value)
    with open_index(config.index) as index:
        assert index.counts.documents == 3


def test_folders_of_somebody_elses_are_left_alone(build: Build, config: PipelineConfig) -> None:
    theses = [
        Path(config.index.dir, name, "000001/thesis.txt") for name in ("scratch", "downloads")
    ]
    for thesis in theses:
        thesis.parent.mkdir(parents=True)
        thesis.write_text("Years of work.")
    build()
    assert [thesis.read_text() for thesis in theses] == ["Years of work."] * 2


def test_a_directory_with_generations_of_somebody_elses_is_refused(
    build: Build, config: PipelineConfig
) -> None:
    thesis = Path(config.index.dir, "generations/000001/thesis.txt")
    thesis.parent.mkdir(parents=True)
    thesis.write_text("Years of work.")
    with pytest.raises(ConfigError, match="holds no index, but a folder named generations"):
        build()
    assert thesis.read_text() == "Years of work."


def test_a_file_that_is_written_while_it_is_read_is_read_again(
    build: Build, corpus: Path, config: PipelineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, whole = corpus / "zinc.txt", "Zinc is a metal, and that is all of it."
    path.write_text(whole)

    def sha256_and_half_a_copy(hashed: Path) -> str:
        digest = file_sha256(hashed)
        if hashed == path:
            path.write_text("Zinc is")
        return digest

    monkeypatch.setattr(reading, "file_sha256", sha256_and_half_a_copy)
    build()
    monkeypatch.undo()
    path.write_text(whole)
    build()
    assert contents(config)["zinc.txt"] == whole
    assert build().published is False


def test_a_mirror_over_a_file_added_by_hand_leaves_it_that(
    build: Build, config: PipelineConfig, embedder: TextEmbedder, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "zinc.txt").write_text("Zinc is a metal.")
    (data / "secret.txt").write_text("Nobody named this.")
    IndexBuilder(config, embedder).add(data / "zinc.txt")
    os.utime(data / "zinc.txt", (1, 1))
    corpus_only = list(config.corpus.paths)
    config.corpus.paths.append(str(data))
    build()
    config.corpus.paths = corpus_only
    build()
    assert "zinc.txt" in contents(config) and "secret.txt" not in contents(config)
    IndexBuilder(config, embedder).remove(data / "zinc.txt")
    assert "zinc.txt" not in contents(config)


def test_an_entry_that_is_away_keeps_its_documents_however_it_is_written(
    config: PipelineConfig,
    embedder: TextEmbedder,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(corpus, tmp_path / "notes")
    (tmp_path / "more").mkdir()
    (tmp_path / "more/zinc.txt").write_text("Zinc is a metal.")

    def build(*paths: str) -> BuildReport:
        settings = replace(config, corpus=replace(config.corpus, paths=list(paths)))
        return IndexBuilder(settings, embedder).mirror()

    build("notes", "more")
    before = contents(config)
    (tmp_path / "notes").rename(tmp_path / "away")
    for written in ("notes", "~/notes", str(tmp_path / "notes"), "./more/../notes"):
        assert build(written, "more").removed == 0
        assert contents(config) == before
    assert build("more").removed == 3


def test_another_file_of_the_same_name_size_and_time_is_not_taken_for_the_same(
    config: PipelineConfig, embedder: TextEmbedder, tmp_path: Path
) -> None:
    for version, dose in (("v1", "2.5"), ("v2", "7.5")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a.txt").write_text(f"Dose {dose} mg daily.")
        os.utime(tmp_path / version / "a.txt", (1, 1))  # as from an archive
        settings = replace(config.corpus, paths=[str(tmp_path / version)])
        IndexBuilder(replace(config, corpus=settings), embedder).mirror()
        assert contents(config) == {"a.txt": f"Dose {dose} mg daily."}


def test_a_file_that_could_not_be_read_leaves_the_quarantine(
    build: Build, corpus: Path, config: PipelineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = corpus / "rows.jsonl"
    rows.write_text('{"id": "a", "text": "Zinc is a metal."}\n{oops}\n')
    build()
    (corpus / "new.txt").write_text("Iron is one too.")
    os.utime(rows, (1, 1))

    def forbidden(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    # Root may read everything.
    monkeypatch.setattr(reading, "file_sha256", forbidden)
    build()
    assert set(quarantined(config)) == {"new.txt", "rows.jsonl"}
    monkeypatch.undo()
    (corpus / "new.txt").unlink()
    build()
    assert set(quarantined(config)) == {"rows.jsonl#2"}
    assert "rows.jsonl#a" in contents(config)


_BUILD = """
from medrag import progress
from medrag.build_index import main
from medrag.cli import launch

progress._LINE_EVERY = 0.0
launch(main)
"""


@pytest.mark.slow
def test_a_build_goes_on_when_nobody_looks_any_more(corpus: Path, tmp_path: Path) -> None:
    looked_at, stderr = os.pipe()
    command = [sys.executable, "-c", _BUILD, f"corpus.paths=[{corpus}]", f"index.dir={tmp_path}/i"]
    build = subprocess.Popen([*command, "tracking.wandb=disabled"], stderr=stderr, cwd=ROOT)
    os.close(stderr)
    assert os.read(looked_at, 8) == b"indexing"
    os.close(looked_at)
    assert build.wait(timeout=120) == 0
    with Index(tmp_path / "i") as index:
        assert index.content().counts.documents == 3


def test_who_wants_no_cache_gets_none_by_opening_the_index(
    build: Build, config: PipelineConfig
) -> None:
    build()
    assert config_from_manifest(config.index.dir).cache == CacheConfig()
    config.cache = CacheConfig(embeddings="")
    config.index.rebuild = True
    config.chunking = ChunkingConfig(max_tokens=64)
    build()
    assert config_from_manifest(config.index.dir).cache.embeddings == ""
