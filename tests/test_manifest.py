"""Artefacts survive crashes, know what they were made from, and notice damage."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrag import __version__
from medrag.errors import ArtefactError, FormatError, MismatchError
from medrag.manifest import (
    MADE_BY,
    MANIFEST,
    SCHEMA,
    Manifest,
    Parent,
    atomic_write,
    damaged_files,
    describe_files,
    fingerprint,
    is_current,
    open_artefact,
    read_manifest,
    recover_directory,
    replacing_directory,
    write_manifest,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def reordered(value: object) -> object:
    """The same value with the keys of every mapping in the opposite order."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


def listing(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    directory = tmp_path / "dataset"
    (directory / "train").mkdir(parents=True)
    (directory / "train" / "rows.bin").write_bytes(bytes(range(256)))
    (directory / "card.md").write_text("42 rows")
    write_manifest(
        directory,
        Manifest(
            kind="dataset",
            fingerprint="abc",
            parents={"index": Parent("outputs/index", "def")},
            settings={"seed": 13},
            counts={"rows": 42},
            files=describe_files(directory),
        ),
    )
    return directory


def edit_manifest(directory: Path, **changes: object) -> None:
    """Write what another version would have written: its checksum is right."""
    path = directory / MANIFEST
    content = json.loads(path.read_text()) | changes
    del content["checksum"]
    path.write_text(json.dumps(content | {"checksum": fingerprint(content)}))


# ------------------------------------------------------------------ fingerprints


@given(json_values)
def test_a_fingerprint_does_not_depend_on_the_order_of_keys(value: object) -> None:
    assert fingerprint(reordered(value)) == fingerprint(value)
    assert len(fingerprint(value)) == 32


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ([1, 2], [2, 1]),  # order in a list means something
        ({"a": {"b": 1}}, {"a": 1, "b": 1}),
        (1, "1"),
        ("é", "e"),
    ],
)
def test_other_values_have_other_fingerprints(one: object, other: object) -> None:
    assert fingerprint(one) != fingerprint(other)


# ------------------------------------------------------------------ atomic writes


def test_atomic_write_makes_folders_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.txt"
    atomic_write(path, "first")
    atomic_write(path, "zweiter – größer".encode())
    assert path.read_text(encoding="utf-8") == "zweiter – größer"
    assert listing(path.parent) == ["file.txt"]


def test_a_full_disk_leaves_the_old_content_and_no_litter(tmp_path: Path) -> None:
    """The kernel refuses the write half-way, as it does when space runs out."""
    path = tmp_path / "file.txt"
    atomic_write(path, "old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError) as caught:
            atomic_write(path, b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert path.read_text() == "old"
    assert listing(tmp_path) == ["file.txt"]


def test_an_interrupted_write_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.txt"
    atomic_write(path, "old")

    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(path, "new")
    assert path.read_text() == "old"
    assert listing(tmp_path) == ["file.txt"]


def test_a_written_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    atomic_write(tmp_path / "atomic", "x")
    (tmp_path / "plain").write_text("x")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


# ------------------------------------------------------------------ whole directories


def fill(directory: Path, content: str) -> None:
    with replacing_directory(directory) as fresh:
        (fresh / "deep").mkdir()
        (fresh / "deep" / "file").write_text(content)


def content(directory: Path) -> str:
    return (directory / "deep" / "file").read_text()


def test_a_finished_directory_takes_the_old_ones_place(tmp_path: Path) -> None:
    directory = tmp_path / "models" / "adapter"
    fill(directory, "old")
    (directory / "left-over").touch()
    with replacing_directory(directory) as fresh:
        (fresh / "file").write_text("new")
        assert content(directory) == "old"  # undisturbed while the new one grows
    assert listing(directory) == ["file"]
    assert listing(directory.parent) == ["adapter"]
    assert directory.stat().st_mode & 0o055 == 0o055  # as others may read and enter it


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_directory_and_no_litter(
    tmp_path: Path, error: type[BaseException]
) -> None:
    directory = tmp_path / "adapter"
    for before in [], ["adapter"]:
        assert listing(tmp_path) == before
        with pytest.raises(error), replacing_directory(directory) as fresh:
            (fresh / "file").write_text("half")
            raise error
        assert listing(tmp_path) == before
        fill(directory, "old")
    assert content(directory) == "old"


def test_a_failed_rename_brings_the_old_directory_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "adapter"
    fill(directory, "old")
    rename = Path.replace

    def fail_for_the_new_one(self: Path, target: Path) -> Path:
        if self.name.endswith(".new"):
            raise OSError(errno.EIO, "the disk is gone")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", fail_for_the_new_one)
    with pytest.raises(OSError, match="the disk is gone"):
        fill(directory, "new")
    assert content(directory) == "old"
    assert listing(tmp_path) == ["adapter"]


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from medrag.manifest import replacing_directory

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

rename, count = Path.replace, 0
def counted(self, target):
    global count
    rename(self, target)
    count += 1
    if count == int(sys.argv[2]):
        die()
Path.replace = counted

with replacing_directory(Path(sys.argv[1])) as fresh:
    if sys.argv[2] == "0":
        die()
    (fresh / "deep").mkdir()
    (fresh / "deep" / "file").write_text("new")
"""


def kill_after(renames: int, directory: Path) -> None:
    """Replace a directory in another process, killed after so many of its two renames."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(directory), str(renames)], timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("renames", "expected"), [(0, "old"), (1, "old"), (2, "new")])
def test_a_killed_process_leaves_one_whole_directory(
    tmp_path: Path, renames: int, expected: str
) -> None:
    directory = tmp_path / "adapter"
    fill(directory, "old")
    kill_after(renames, directory)
    assert directory.exists() == (renames != 1)  # between the two renames it is nowhere
    recover_directory(directory)
    assert content(directory) == expected
    recover_directory(directory)  # the second call does nothing
    assert content(directory) == expected


@pytest.mark.parametrize(
    "renames",
    [
        0,
        1,
        pytest.param(2),
    ],
)
def test_the_run_after_a_kill_needs_no_help(tmp_path: Path, renames: int) -> None:
    directory = tmp_path / "adapter"
    fill(directory, "old")
    kill_after(renames, directory)
    with replacing_directory(directory) as fresh:
        assert content(directory) == ("new" if renames == 2 else "old")  # there in the meantime
        (fresh / "file").write_text("newer")
    assert listing(directory) == ["file"]


def test_the_run_after_a_kill_clears_its_litter(tmp_path: Path) -> None:
    directory = tmp_path / "adapter"
    fill(directory, "old")
    kill_after(0, directory)
    fill(directory, "newer")
    assert listing(tmp_path) == ["adapter"]


def test_opening_heals_what_a_kill_moved_aside(artefact: Path) -> None:
    artefact.rename(artefact.with_name(".dataset.old"))  # as a kill between the renames leaves it
    assert read_manifest(artefact, "dataset").fingerprint == "abc"
    assert listing(artefact.parent) == ["dataset"]


# ------------------------------------------------------------------ manifests


def test_a_manifest_comes_back_as_it_was_written(artefact: Path) -> None:
    manifest = open_artefact(artefact, "dataset")
    assert manifest.kind == "dataset"
    parent = manifest.parents["index"]
    assert (Path(parent.path).resolve(), parent.fingerprint) == (
        Path("outputs/index").resolve(),
        "def",
    )
    assert manifest.settings == {"seed": 13}
    assert manifest.counts == {"rows": 42}
    assert sorted(manifest.files) == ["card.md", "train/rows.bin"]
    assert describe_files(artefact) == manifest.files  # the manifest itself is left out
    assert manifest.files["train/rows.bin"].size == 256
    assert (manifest.schema, manifest.package_version) == (SCHEMA, __version__)
    assert manifest.created_at.endswith("+00:00")


@pytest.mark.parametrize("kind", MADE_BY)
def test_a_missing_artefact_names_the_command_that_makes_it(tmp_path: Path, kind: str) -> None:
    directory = tmp_path / "nothing"
    with pytest.raises(ArtefactError, match=f"no {kind} in .*nothing; make one with: python -m"):
        read_manifest(directory, kind)
    assert listing(tmp_path) == []  # looking leaves no trace


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"{}",
        b'{"kind": "dataset"}',
        b'{"kind": "dataset", "fingerprint": "x", "parents": [], "files": {"a": 1}}',
    ],
)
def test_garbage_names_the_file_and_the_fix(artefact: Path, garbage: bytes) -> None:
    (artefact / MANIFEST).write_bytes(garbage)
    with pytest.raises(ArtefactError) as caught:
        read_manifest(artefact, "dataset")
    message = str(caught.value)
    assert f"{artefact}/{MANIFEST} cannot be read" in message
    assert "rebuild it: python -m medrag.build_dataset" in message
    assert f"dataset.dir={artefact}" in message


def test_a_value_that_is_not_what_was_written_is_refused(artefact: Path) -> None:
    text = (artefact / MANIFEST).read_text(encoding="utf-8")
    assert '"rows": 42' in text
    (artefact / MANIFEST).write_text(text.replace('"rows": 42', '"rows": 43'), encoding="utf-8")
    with pytest.raises(ArtefactError, match="its content does not match its checksum"):
        read_manifest(artefact, "dataset")


def test_another_kind_is_named_on_both_sides(artefact: Path) -> None:
    with pytest.raises(MismatchError, match=r"holds a dataset, not a index; .*build_index"):
        read_manifest(artefact, "index")


def test_a_newer_format_names_both_versions(artefact: Path) -> None:
    edit_manifest(artefact, schema=SCHEMA + 1, package_version="9.9")
    with pytest.raises(MismatchError) as caught:
        read_manifest(artefact, "dataset")
    for part in (
        f"has format {SCHEMA + 1} and was written by medrag 9.9",
        f"medrag {__version__}",
        "build_dataset",
    ):
        assert part in str(caught.value)


def test_an_index_of_another_format_names_the_rebuild_command(artefact: Path) -> None:
    edit_manifest(artefact, kind="index", schema=SCHEMA + 1)
    with pytest.raises(FormatError, match=r"build_index .* index\.rebuild=true$"):
        read_manifest(artefact, "index")


@pytest.mark.parametrize("part", ["kind", "schema", "package_version"])
def test_what_says_kind_and_format_may_be_damaged_too(artefact: Path, part: str) -> None:
    content = json.loads((artefact / MANIFEST).read_text())
    (artefact / MANIFEST).write_text(json.dumps(content | {part: 9}))
    with pytest.raises(ArtefactError, match="its content does not match its checksum") as caught:
        read_manifest(artefact, "dataset")
    assert not isinstance(caught.value, MismatchError)


def test_a_newer_format_with_new_fields_is_a_mismatch_too(artefact: Path) -> None:
    edit_manifest(artefact, schema=SCHEMA + 1, package_version="9.9", licences=["CC-BY-4.0"])
    with pytest.raises(MismatchError, match=r"9\.9"):
        read_manifest(artefact, "dataset")


# ------------------------------------------------------------------ damage


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, Path.unlink])
def test_damage_is_noticed_and_named(artefact: Path, damage: Callable[[Path], None]) -> None:
    manifest = read_manifest(artefact, "dataset")
    assert damaged_files(artefact, manifest) == []
    damage(artefact / "train" / "rows.bin")
    assert damaged_files(artefact, manifest) == ["train/rows.bin"]
    with pytest.raises(
        ArtefactError, match=r"damaged \(size or hash of train/rows\.bin .*python -m medrag"
    ):
        open_artefact(artefact, "dataset")
    assert not is_current(artefact, "dataset", "abc")


def test_a_file_nobody_relies_on_is_no_damage(artefact: Path) -> None:
    (artefact / "notes.txt").write_text("mine")
    assert damaged_files(artefact, open_artefact(artefact, "dataset")) == []


def test_is_current_only_for_the_same_kind_and_fingerprint(artefact: Path) -> None:
    assert is_current(artefact, "dataset", "abc")
    assert not is_current(artefact, "dataset", "abd")
    assert not is_current(artefact, "adapter", "abc")
    assert not is_current(artefact.parent / "nothing", "dataset", "abc")
