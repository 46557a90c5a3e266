"""Archives are read like directories, within limits, and leave nothing behind."""

from __future__ import annotations

import errno
import io
import os
import resource
import signal
import stat
import tarfile
import tracemalloc
import zipfile
from itertools import islice
from pathlib import Path

import pytest

from medrag.config import CorpusConfig
from medrag.errors import DocumentError
from medrag.ingestion import corpus as archives
from medrag.ingestion.corpus import is_supported
from medrag.types import Document, Rejected
from tests.ingestion.test_parsing import names, parse, reasons, workers_of

NOTES = {
    "b.txt": "Zinc is a metal.",
    "sub/a.md": "# Iron\n\nIron is a metal too.",
    "rows.jsonl": '{"id": "x", "text": "Copper."}\n{"id": "y", "text": "Tin."}',
}


def make_zip(path: Path, members: dict[str, str | bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def make_tar(path: Path, members: dict[str, str | bytes]) -> None:
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        for name, content in members.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def make(path: Path, members: dict[str, str | bytes]) -> None:
    (make_zip if path.suffix == ".zip" else make_tar)(path, members)


KINDS = ["c.zip", "c.tar", "c.tar.gz", "C.TGZ"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty corpus."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", KINDS)
def test_members_are_documents_with_the_archive_as_their_directory(root: Path, name: str) -> None:
    assert is_supported(name)
    make(root / name, {**NOTES, ".hidden/c.txt": "Secret.", "__MACOSX/._b.txt": "Noise."})
    found = parse(root)
    assert names(found) == [
        f"{name}/{inner}" for inner in ("b.txt", "sub/a.md", "rows.jsonl#x", "rows.jsonl#y")
    ]
    titles = [item[0].title for item in found if not isinstance(item, Rejected)]
    assert titles[:2] == ["B", "Iron"]


@pytest.mark.parametrize("name", KINDS)
def test_unusable_members_are_rejected_and_the_rest_is_read(root: Path, name: str) -> None:
    bad = {
        "../out.txt": "leads out",
        "/etc/passwd.txt": "leads out",
        "inner.zip": "archive in an archive",
        "picture.png": "unsupported type",
        "binary.txt": "NUL byte",
        "empty.txt": "no text",
    }
    make(root / name, {**dict.fromkeys(bad, b"\0"), "empty.txt": "", **NOTES})
    found = parse(root)
    why = reasons(found)
    assert len(found) - len(why) == 4
    assert len(why) == len(bad)
    for inner, reason in bad.items():
        assert reason in why[f"{name}/{inner}"]
    assert not (root.parent / "out.txt").exists()


def test_links_and_devices_are_rejected(root: Path) -> None:
    (root.parent / "secret.txt").write_text("Secret.", encoding="utf-8")
    with tarfile.open(root / "a.tar", "w") as archive:
        for number, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(f"{number}.txt")
            info.type, info.linkname = kind, str(root.parent / "secret.txt")
            archive.addfile(info)
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(root / "b.zip", "w") as zipped:
        zipped.writestr(link, str(root.parent / "secret.txt"))
    why = reasons(parse(root))
    assert why.keys() == {"a.tar/0.txt", "a.tar/1.txt", "a.tar/2.txt", "b.zip/link.txt"}
    assert set(why.values()) == {"a link, device or sparse file, not a regular file"}


def test_a_sparse_member_is_rejected(root: Path) -> None:
    """It may unpack to any size."""
    with tarfile.open(root / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.txt")
        info.pax_headers = {"GNU.sparse.map": "3000000000,0", "GNU.sparse.size": "3000000000"}
        archive.addfile(info, io.BytesIO())
    assert "sparse" in reasons(parse(root))["a.tar/a.txt"]


def test_odd_damage_is_named_and_later_members_are_read(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(root / "a.zip", "w", zipfile.ZIP_LZMA) as zipped:
        zipped.writestr("a.txt", os.urandom(2_000).hex())
        zipped.writestr("b.txt", "Behind.")
    data = bytearray((root / "a.zip").read_bytes())
    start = data.index(b"a.txt") + 5
    data[start + 100 : start + 140] = bytes(40)
    (root / "a.zip").write_bytes(data)
    with tarfile.open(root / "b.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for header in ({"path": "a\0b.txt"}, {}):
            info = tarfile.TarInfo("c.txt")
            info.size, info.pax_headers = 5, header
            archive.addfile(info, io.BytesIO(b"Zinc."))
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 6
    names_of_names = (name.tobuf(tarfile.GNU_FORMAT) + b"a.txt".ljust(512, b"\0")) * 3_000
    (root / "c.tar").write_bytes(names_of_names)
    found = parse(root)
    why = reasons(found)
    assert "cannot be unpacked" in why["a.zip/a.txt"]
    assert "damaged" in why["c.tar"]
    assert {"a.zip/b.txt", "b.tar/c.txt"} <= set(names(found)) - why.keys()
    assert len(why) == 3
    assert "Traceback" not in capfd.readouterr().err


def test_an_encrypted_member_is_rejected(root: Path) -> None:
    make_zip(root / "a.zip", {"a.txt": "Secret.", "b.txt": "Open."})
    data = bytearray((root / "a.zip").read_bytes())
    entry = data.index(b"PK\x01\x02")  # the directory's first entry; its flags are at 8
    data[entry + 8] |= 1
    (root / "a.zip").write_bytes(data)
    found = parse(root)
    assert names(found) == ["a.zip/a.txt", "a.zip/b.txt"]
    assert reasons(found) == {"a.zip/a.txt": "encrypted; unpack it with its password"}


@pytest.mark.parametrize("name", ["c.zip", "c.tar.gz"])
def test_a_bomb_is_refused(root: Path, name: str) -> None:
    make(root / name, {"a.txt": "Before.", "bomb.txt": b" " * (80 << 20), **NOTES})
    found = parse(root)
    assert names(found)[:2] == [f"{name}/a.txt", f"{name}/bomb.txt"]
    # A .zip lists its members, so the others can be read.
    assert len(found) == (6 if name == "c.zip" else 3)
    assert set(reasons(found).values()) == {"unpacks to more than 200 times its size"}


@pytest.mark.parametrize("name", KINDS)
def test_an_archive_is_read_up_to_its_limit(root: Path, name: str) -> None:
    make(root / name, {"a.txt": "First.", "b.txt": os.urandom(1_100_000), "c.txt": "Third."})
    found = parse(root, CorpusConfig(workers=1, max_archive_mb=1))
    assert names(found) == [f"{name}/a.txt", name]
    assert "corpus.max_archive_mb=1" in reasons(found)[name]


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_archive_is_rejected(root: Path, name: str) -> None:
    make(root / name, {f"{number}.txt": os.urandom(20_000).hex() for number in range(5)})
    data = (root / name).read_bytes()
    (root / name).write_bytes(data[: len(data) // 2])
    found = parse(root)
    assert any("damaged" in why or "unpacked" in why for why in reasons(found).values())
    (root / name).write_bytes(b"this is no archive at all" * 50)
    assert "damaged" in reasons(parse(root))[name]


@pytest.mark.parametrize("name", ["c.zip", "c.tar.gz"])
def test_a_crash_in_a_member_costs_one_document(root: Path, name: str) -> None:
    long = " ".join(f"Sentence {number} is about zinc." for number in range(1_000))
    make(root / name, {f"{number:02}.txt": f"{long} {number}" for number in range(40)})

    def at(document: Document) -> None:
        if document.id.endswith("05.txt"):
            for worker in workers_of(os.getpid()):
                os.kill(worker, signal.SIGKILL)

    found = parse(root, at=at)
    assert names(found) == [f"{name}/{number:02}.txt" for number in range(40)]
    assert len(reasons(found)) == 1


@pytest.mark.parametrize("name", ["c.zip", "c.tar.gz"])
def test_a_member_that_hangs_costs_one_document(root: Path, name: str) -> None:
    hanging = "<div>" * 500_000 + "".join(map(str, range(100_000)))
    make(root / name, {"a.txt": "First.", "b.html": hanging, "c.txt": "Third."})
    found = parse(root, CorpusConfig(workers=1, max_parser_seconds=2))
    assert names(found) == [f"{name}/{inner}" for inner in ("a.txt", "b.html", "c.txt")]
    assert "max_parser_seconds" in reasons(found)[f"{name}/b.html"]


def test_a_full_disk_is_not_blamed_on_the_archive(root: Path) -> None:
    """A limit on file sizes plays the full disk."""
    make_zip(root / "c.zip", {"a.txt": "Zinc. " * 200_000, "b.txt": "Iron."})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(OSError) as caught:
            parse(root)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.errno == errno.EFBIG
    assert not root.with_name("scratch").exists()
    assert names(parse(root)) == ["c.zip/a.txt", "c.zip/b.txt"]


def test_leftovers_of_an_earlier_process_are_removed(root: Path) -> None:
    make_zip(root / "c.zip", {"a.txt": "Zinc."})
    left = root.with_name("scratch") / "0/left.txt"
    left.parent.mkdir(parents=True)
    left.write_text("From a process that was killed.", encoding="utf-8")
    assert names(parse(root)) == ["c.zip/a.txt"]  # it checks that nothing is left


def test_too_many_members_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_zip(root / "c.zip", {f"{number}.txt": "Zinc." for number in range(5)})
    monkeypatch.setattr(archives, "_MEMBER_LIMIT", 3)
    found = archives.members(root / "c.zip", "c.zip", 1)
    assert [next(found).id for _ in range(3)] == [f"c.zip/{number}.txt" for number in range(3)]
    with pytest.raises(DocumentError, match="more than 3 files"):
        next(found)


def test_a_long_tar_takes_flat_memory(root: Path) -> None:
    make_tar(root / "c.tar", {f"{number}.txt": "Zinc." for number in range(12_000)})
    members = archives.members(root / "c.tar", "c.tar", 10)
    tracemalloc.start()
    try:
        assert sum(1 for _ in islice(members, 11_999)) == 11_999
        # Python's table of interned strings may grow meanwhile, in other modules.
        held = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(True, tarfile.__file__)]
        )
    finally:
        tracemalloc.stop()
    # Kept, they take 7 MB.
    assert sum(one.size for one in held.statistics("filename")) < 500_000
    assert sum(1 for _ in members) == 1
