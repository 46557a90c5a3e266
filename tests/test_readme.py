"""What the documents tell people to type exists, and what they link to is there."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from medrag.ask import split_question
from medrag.cli import check_overrides, conf_dir, register_schema, split_options, to_config
from medrag.config import Config
from medrag.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)|\b(?:src|href)=\"([^\"]+)\"")
PLACEHOLDER = re.compile(r"\A[A-Z_]+\Z")  # DIR, FILE: the reader puts something there


def blocks(page: Path, *languages: str) -> list[str]:
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [body for language, body in found if language in languages]


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command in a shell block; output lines and comments are left out."""
    for line in text.replace("\\\n", " ").splitlines():
        try:
            words = shlex.split(line.strip().removeprefix("$ "), comments=True)
        except ValueError:  # output that a console block shows, with a lone quote in it
            continue
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):  # VARIABLE=value before a command
            words = words[1:]
        if words:
            yield words


COMMANDS = {
    f"{page.name}: {shlex.join(words)}": words
    for page in PAGES
    for block in blocks(page, "bash", "console", "sh", "shell")
    for words in commands(block)
}
STAGES = [name for name, words in COMMANDS.items() if words[1:2] == ["-m"] and "medrag" in words[2]]


def check_stage(words: list[str]) -> Config:
    """Compose what `python -m medrag.STAGE …` would run with.

    Raises:
        ConfigError, HydraException: a setting, group or experiment that is not there.
    """
    module, arguments = words[2], words[3:]
    assert find_spec(module), f"there is no module {module}"
    if module.endswith(".ask"):
        _, arguments = split_question(arguments)
    _, overrides = split_options(arguments)
    check_overrides(overrides)
    register_schema()
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        return to_config(compose("config", overrides=overrides))


def test_there_is_something_to_check() -> None:
    names = {COMMANDS[name][2].removeprefix("medrag.") for name in STAGES}
    assert {"build_index", "build_dataset", "train", "evaluate", "ask"} <= names
    assert {"make demo", "make test"} <= {" ".join(words) for words in COMMANDS.values()}
    assert blocks(ROOT / "README.md", "python")


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_takes_the_settings_it_is_shown_with(name: str) -> None:
    words = COMMANDS[name]
    check_stage(words)
    for word in words[3:]:  # samples are there; what a stage makes is not yet
        for path in re.findall(r"\bsamples/[\w./-]*", word):
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize(
    "wrong",
    [
        "python -m medrag.build_index corpus.path=[x]",
        "python -m medrag.build_index 'corpus.paths=x'",
        "python -m medrag.train +experiment=qlra",
        "python -m medrag.train experiment=qlora",
        "python -m medrag.ask 'Why?' retriever.k=many",
        "python -m medrag.evaluate generator=gpt",
        "python -m medrag.buid_index",
    ],
)
def test_a_slip_in_a_command_would_be_found(wrong: str) -> None:
    ((words),) = commands(wrong)
    with pytest.raises((ConfigError, AssertionError)):
        check_stage(words)


@pytest.mark.parametrize("name", [name for name, words in COMMANDS.items() if words[0] == "make"])
def test_make_has_the_target(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in COMMANDS[name][1:]:
        if not word.startswith("-") and "=" not in word:
            assert re.search(rf"^{re.escape(word)}:", makefile, re.MULTILINE), word


@pytest.mark.parametrize("name", COMMANDS)
def test_a_script_that_is_to_be_run_is_there(name: str) -> None:
    for word in COMMANDS[name]:
        if word.endswith((".py", ".sh")) and "*" not in word:
            assert (ROOT / word).is_file(), word


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_are_there(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    links = [a or b for a, b in LINK.findall(text)]
    missing = []
    for link in links:
        path, _, anchor = link.partition("#")
        if ":" in path or path.startswith("/"):  # https:, mailto:
            continue
        target = (page.parent / path) if path else page
        if not target.exists():
            missing.append(link)
        elif anchor and target.suffix == ".md":
            headings = re.findall(r"^#+ (.*)", target.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}
            if anchor not in slugs:
                missing.append(link)
    assert not missing


PYTHON = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page, "python", "py"), 1)
]


@pytest.mark.parametrize("block", PYTHON)
def test_python_blocks_compile_and_import_what_exists(block: str) -> None:
    tree = ast.parse(block)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("medrag"):
            module = import_module(node.module or "")
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                assert find_spec(alias.name), alias.name


def test_no_blank_is_left_to_fill_in() -> None:
    """A page is finished: no placeholder stands where output should be."""
    for page in PAGES:
        for block in blocks(page, "", "text", "console"):
            assert not PLACEHOLDER.match(block.strip()), f"{page.name}: {block.strip()}"
