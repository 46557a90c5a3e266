"""`corpus.paths` takes one path as well as a list, in the shell and in Python."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from medrag import CorpusConfig, PipelineConfig
from medrag.config.overrides import with_lists
from medrag.errors import CorpusError
from medrag.indexing import BuildReport

# As the program gets them: the shell has taken its own quotes away.
ONE = [
    "/x", "~/n", "/a b", "/a/(2024)", "/x/*.pdf", "/é/Ärzte", "C:\\x\\", "/a'b", '/a"b', '/a\\"b',
    "/a&b", "/a=b", "https://x.org/a?b=c&d=ü", "1", "true", "null/x", "/a#b;c!", "{a}", "..", ".",
]  # fmt: skip


def value_of(argument: str) -> Any:
    return OverridesParser.create().parse_override(with_lists(argument)).value()


@pytest.mark.parametrize("path", ONE)
def test_one_path_of_the_shell_is_taken_as_it_is(path: str) -> None:
    assert value_of(f"corpus.paths={path}") == [path]
    assert value_of(f"++corpus.paths={path}") == [path]


@pytest.mark.parametrize(
    ("written", "paths"),
    [
        ('"/a,b"', ["/a,b"]),
        ("'/a b'", ["/a b"]),
        ("[/a,b c]", ["/a", "b c"]),
        ("[ /a , Ärzte (2) ]", ["/a", "Ärzte (2)"]),
        ("[~/a,/b&c]", ["~/a", "/b&c"]),
        ('["/a,b",c]', ["/a,b", "c"]),
        ("[]", []),
        ("[2024]", ["2024"]),
    ],
)
def test_quotes_and_lists(written: str, paths: list[str]) -> None:
    assert [str(path) for path in value_of(f"corpus.paths={written}")] == paths


@pytest.mark.parametrize(
    "argument",
    [
        "corpus.paths=a,b",  # a sweep, or a mistake that is told
        "corpus.paths=a]",
        "corpus.paths=[a",
        "corpus.paths=[a,]",
        "corpus.paths=null",
        "corpus.paths=",
        "corpus.paths=${oc.env:HOME}/notes",
        "corpus.pths=/x",
        "index.dir=/é",
        "retriever.k=3",
        "--cfg",
        "Is gout=pain?",
    ],
)
def test_everything_else_is_left_alone(argument: str) -> None:
    assert with_lists(argument) == argument


def test_a_list_of_numbers_takes_one_number() -> None:
    assert value_of("evaluation.ks=5") == [5]


@pytest.mark.parametrize(
    "given", ["/a,b", Path("/a,b"), ["/a,b"], [Path("/a,b")], ("/a,b",), {"/a,b"}]
)
def test_python_takes_one_path_or_several(given: Any) -> None:
    assert CorpusConfig(paths=given).paths == ["/a,b"]


def test_a_path_set_later_is_not_read_letter_by_letter(
    build: Callable[[], BuildReport], config: PipelineConfig, corpus: Path
) -> None:
    config.corpus.paths = str(corpus)  # type: ignore[assignment]  # "/" is its first letter
    assert build().counts.documents == 3


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("notes", "path does not exist"),
        ("*.pdf", "patterns are not expanded"),
        ("a?.txt", "patterns are not expanded"),
        ("'notes'", "leave out the quotes"),
        ("a,b", "corpus.paths=[A,B]"),
    ],
)
def test_a_path_that_does_not_exist_says_what_may_be_wrong(
    build: Callable[[], BuildReport], config: PipelineConfig, tmp_path: Path, name: str, hint: str
) -> None:
    config.corpus.paths = [str(tmp_path / name)]
    with pytest.raises(CorpusError) as error:
        build()
    message = str(error.value)
    assert hint in message and message.count(name) == 1
    assert "\n" not in message


def test_from_the_shell(corpus: Path, tmp_path: Path) -> None:
    place = tmp_path / "Ärzte (2), neu"
    corpus.rename(place)
    (tmp_path / "bad.txt").write_text("")
    command = (
        f"-m medrag.build_index 'corpus.paths=\"{place}\"' index.dir=i tracking.wandb=disabled"
    )
    done = subprocess.run(
        [sys.executable, *shlex.split(command)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[1]), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "i/manifest.json").is_file()
