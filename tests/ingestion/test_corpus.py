"""Finding the files of a corpus, on disk and on a server."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from medrag.ingestion.corpus import Away, Skipped, SourceFile, find_files, is_supported
from medrag.types import Rejected


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"This is {name}.", encoding="utf-8")


def found(
    *paths: str | Path, downloads: Path = Path("no-index/unused")
) -> list[SourceFile | Rejected | Skipped]:
    return list(find_files([str(path) for path in paths], downloads))


def ids(*paths: str | Path) -> list[str]:
    return [item.id for item in found(*paths)]


def reasons(*paths: str | Path, downloads: Path = Path("unused")) -> dict[str, str]:
    items = found(*paths, downloads=downloads)
    return {item.id: item.reason for item in items if isinstance(item, Rejected)}


# --- on disk ----------------------------------------------------------------------------------


def test_files_come_in_a_fixed_order_with_size_and_time(tmp_path: Path) -> None:
    make(tmp_path, "b.txt", "a.md", "sub/z.txt", "sub/deep/c.txt", "alpha/d.txt")
    assert ids(tmp_path) == ["a.md", "b.txt", "alpha/d.txt", "sub/z.txt", "sub/deep/c.txt"]
    source = found(tmp_path)[3]
    assert isinstance(source, SourceFile)
    status = (tmp_path / "sub/z.txt").stat()
    assert (source.root, source.path) == (str(tmp_path), tmp_path / "sub/z.txt")
    assert (source.size, source.mtime_ns) == (status.st_size, status.st_mtime_ns)


def test_roots_come_in_the_order_given_and_a_file_is_its_own_root(tmp_path: Path) -> None:
    make(tmp_path, "z/one.txt", "a/two.txt", "single.txt")
    assert ids(tmp_path / "z", tmp_path / "single.txt", tmp_path / "a") == [
        "one.txt",
        "single.txt",
        "two.txt",
    ]


def test_hidden_files_and_folders_are_skipped(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", ".b.txt", ".git/c.txt", "sub/.cache/d.txt", "sub/e.txt")
    assert ids(tmp_path) == ["a.txt", "sub/e.txt"]


def test_a_hidden_root_is_read_when_it_is_named(tmp_path: Path) -> None:
    make(tmp_path, ".notes/a.txt")
    assert ids(tmp_path / ".notes") == ["a.txt"]


def test_unusable_files_are_rejected_with_a_reason(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "b.png", "no_suffix", "sub/c.docm")
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.txt")
    why = reasons(tmp_path, tmp_path / "missing")
    assert why.keys() == {
        "b.png", "no_suffix", "sub/c.docm", "gone.txt", "pipe.txt", str(tmp_path / "missing"),
    }  # fmt: skip
    assert "unsupported type" in why["b.png"] and ".pdf" in why["b.png"]
    assert "No such file" in why["gone.txt"]
    assert why["pipe.txt"] == "not a regular file"
    assert why[str(tmp_path / "missing")] == "path does not exist"


def test_symlink_loops_do_not_hang_and_linked_files_are_read(tmp_path: Path) -> None:
    make(tmp_path, "a/b.txt")
    (tmp_path / "a/loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self.txt").symlink_to(tmp_path / "self.txt")
    (tmp_path / "linked.txt").symlink_to(tmp_path / "a/b.txt")
    assert [item.id for item in found(tmp_path) if isinstance(item, SourceFile)] == [
        "linked.txt",
        "a/b.txt",
    ]
    assert "self.txt" in reasons(tmp_path)


def test_a_name_that_is_not_utf8_is_rejected(tmp_path: Path) -> None:
    make(tmp_path, "a.txt")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")).write_text("Coffee.")
    assert [item.id for item in found(tmp_path) if isinstance(item, SourceFile)] == ["a.txt"]
    ((id_, reason),) = reasons(tmp_path).items()
    assert id_.encode().startswith(b"caf")
    assert "UTF-8" in reason


def test_a_folder_whose_name_is_not_utf8_is_rejected_once(tmp_path: Path) -> None:
    make(tmp_path, "a.txt")
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    make(folder, "b.txt", "c.txt")
    assert list(reasons(tmp_path)) == ["caf?/"]
    assert ids(tmp_path) == ["a.txt", "caf?/"]
    ((id_, reason),) = reasons(str(folder)).items()
    assert (id_, reason) == (f"{tmp_path}/caf?", reasons(tmp_path)["caf?/"])
    assert "UTF-8" in reason


@pytest.mark.parametrize("root", ["~nobody-of-this-name/notes", "a\0b", "x" * 300, "no/such"])
def test_an_impossible_root_is_away_and_the_rest_is_found(tmp_path: Path, root: str) -> None:
    make(tmp_path, "a.txt")
    away, source = found(root, tmp_path)
    assert isinstance(away, Away)
    assert (away.id, away.root) == (root, root)
    assert away.reason and "\n" not in away.reason
    assert source.id == "a.txt"


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="few file systems go that far")
@pytest.mark.parametrize("year", [1500, 3000])
def test_extreme_file_times_can_be_stored(year: int) -> None:
    with TemporaryDirectory(dir="/dev/shm") as folder:
        make(Path(folder), "a.txt")
        seconds = (year - 1970) * 31_556_952
        os.utime(Path(folder, "a.txt"), ns=(0, seconds * 10**9))
        assert Path(folder, "a.txt").stat().st_mtime == seconds
        (source,) = found(folder)
    assert isinstance(source, SourceFile)
    assert -(2**63) <= source.mtime_ns < 2**63


def test_the_directory_of_the_index_is_not_a_corpus(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "out/b.txt", "out/index/quarantine.jsonl", "out/index/downloads/c.txt")
    (tmp_path / "link").symlink_to(tmp_path)
    downloads = tmp_path / "out/index/downloads"
    for root in (tmp_path, tmp_path / "link"):
        assert {item.id for item in found(root, downloads=downloads)} >= {"a.txt", "out/b.txt"}
        assert not [item.id for item in found(root, downloads=downloads) if "index" in item.id]
    (away,) = found(downloads.parent, downloads=downloads)
    assert isinstance(away, Away)
    assert "index.dir" in away.reason


@pytest.mark.parametrize(
    ("name", "known"),
    [("a.txt", True), ("A.TXT", True), ("a.xml.gz", True), ("a.exe", False), ("txt", False)],
)
def test_the_suffix_decides_in_any_case(name: str, known: bool) -> None:
    assert is_supported(name) is known


def skipped(*paths: str | Path) -> dict[str, str]:
    return {item.id: item.reason for item in found(*paths) if isinstance(item, Skipped)}


def read(*paths: str | Path) -> list[str]:
    return [item.id for item in found(*paths) if isinstance(item, SourceFile)]


@pytest.mark.parametrize("other", ["queries.jsonl", "qrels/test.tsv"])
def test_of_a_beir_folder_the_corpus_is_read(tmp_path: Path, other: str) -> None:
    make(
        tmp_path, "beir/corpus.jsonl", f"beir/{other}", "beir/README.md", "beir/paper.pdf",
        "beir/more/a.txt", "plain/corpus.jsonl", "plain/b.md", "asked/queries.jsonl",
    )  # fmt: skip
    assert read(tmp_path) == [
        "asked/queries.jsonl", "beir/corpus.jsonl", "beir/paper.pdf", "beir/more/a.txt",
        "plain/b.md", "plain/corpus.jsonl",
    ]  # fmt: skip
    why = skipped(tmp_path)
    assert why.keys() == {"beir/README.md", f"beir/{other.removesuffix('/test.tsv')}"}
    assert all("BEIR" in reason for reason in why.values())
    assert read(tmp_path / "beir") == ["corpus.jsonl", "paper.pdf", "more/a.txt"]
    assert read(tmp_path / "beir" / other) == [Path(other).name] or other.endswith(".tsv")


# --- on a server ------------------------------------------------------------------------------


@dataclass
class Site:
    """A small web site; unknown paths give a 404."""

    url: str = ""
    pages: dict[str, bytes] = field(default_factory=dict)
    content_type: str = ""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "*")
    state = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = state.pages.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            if state.content_type:
                self.send_header("Content-Type", state.content_type)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_url_is_fetched_and_is_its_own_id(site: Site, tmp_path: Path) -> None:
    site.pages["/docs/gout.txt"] = b"Gout hurts."
    url = f"{site.url}/docs/gout.txt"
    (source,) = found(url, downloads=tmp_path / "downloads")
    assert isinstance(source, SourceFile), source
    assert (source.id, source.root, source.size) == (url, url, 11)
    assert source.path.read_bytes() == b"Gout hurts."
    assert source.path.parent == tmp_path / "downloads"
    assert source.path.name.endswith("gout.txt")


def test_fetching_again_replaces_what_was_there(site: Site, tmp_path: Path) -> None:
    url = f"{site.url}/gout.txt"
    kept = set()
    for body in (b"Gout hurts.", b"Gout hurts less."):
        site.pages["/gout.txt"] = body
        (source,) = found(url, downloads=tmp_path)
        assert isinstance(source, SourceFile), source
        assert source.path.read_bytes() == body
        kept.add(source.path)
    assert set(tmp_path.iterdir()) == kept
    assert len(kept) == 1


def test_urls_with_the_same_file_name_are_kept_apart(site: Site, tmp_path: Path) -> None:
    site.pages |= {"/a/n.txt": b"One.", "/b/n.txt": b"Two.", "/b/n.txt?v=2": b"Three."}
    items = found(*(site.url + path for path in site.pages), downloads=tmp_path)
    texts = [item.path.read_bytes() for item in items if isinstance(item, SourceFile)]
    assert texts == list(site.pages.values())


@pytest.mark.parametrize("path", ["", "/", "/gout", "/gout.php?id=3"])
def test_an_address_without_a_known_suffix_is_read_as_html(
    site: Site, tmp_path: Path, path: str
) -> None:
    site.pages[path or "/"] = b"<p>Gout hurts."
    (source,) = found(site.url + path, downloads=tmp_path)
    assert isinstance(source, SourceFile), source
    assert source.path.suffix == ".html"


def test_the_content_type_gives_the_suffix_that_the_address_lacks(
    site: Site, tmp_path: Path
) -> None:
    site.pages["/export"] = b"Drug\tDose\nIron\t65 mg"
    site.content_type = "Text/Tab-Separated-Values; charset=utf-8"
    (source,) = found(f"{site.url}/export", downloads=tmp_path)
    assert isinstance(source, SourceFile), source
    assert source.path.suffix == ".tsv"


def test_a_failed_download_is_rejected_and_the_rest_is_found(site: Site, tmp_path: Path) -> None:
    site.pages["/b.txt"] = b"Here."
    missing = f"{site.url}/a.txt"
    rejected, source = found(missing, f"{site.url}/b.txt", downloads=tmp_path)
    assert isinstance(rejected, Rejected)
    assert rejected.id == missing
    assert "404" in rejected.reason and "\n" not in rejected.reason
    assert isinstance(source, SourceFile)
    assert list(tmp_path.iterdir()) == [source.path]


@pytest.mark.parametrize("url", ["ftp://example.org/a.txt", "file:///etc/passwd", "s3://b/a.txt"])
def test_other_schemes_are_rejected(url: str) -> None:
    assert "http" in reasons(url)[url]


def test_an_invalid_url_is_rejected() -> None:
    assert "not a valid URL" in reasons("http://[oops")["http://[oops"]
