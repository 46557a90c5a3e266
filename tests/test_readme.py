"""The documentation is true: commands, settings, links, names, code and shown answers."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hydra import compose, initialize_config_dir

from medrag.ask import split_question
from medrag.cli import (
    check_overrides,
    conf_dir,
    register_schema,
    split_options,
    split_words,
    to_config,
)
from medrag.config import Config
from medrag.config.overrides import with_lists
from medrag.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCS = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [*DOCS, ROOT / "CHANGELOG.md"]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)|\b(?:src|href)=\"([^\"]+)\"")
SETTING = re.compile(r"\b[a-z_]+(?:\.[a-z_]+)+\b")
PLACEHOLDER = re.compile(r"\A[A-Z_]+\Z|@@")


def blocks(page: Path, *languages: str) -> list[str]:
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [body for language, body in found if language in languages]


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command in a shell block; without output lines and comments."""
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
    """Compose the configuration that `python -m medrag.STAGE …` would run with.

    Raises:
        ConfigError, HydraException: a setting, group or experiment does not exist.
    """
    module, arguments = words[2], words[3:]
    assert find_spec(module), f"there is no module {module}"
    if module.endswith(".ask"):
        _, arguments = split_question(arguments)
    elif module.endswith((".runs", ".export", ".verify")):
        _, arguments = split_words(arguments)
    _, given = split_options(arguments)
    overrides = [with_lists(argument) for argument in given]
    check_overrides(overrides)
    register_schema()
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        return to_config(compose("config", overrides=overrides))


def test_the_pages_show_commands_and_code() -> None:
    names = {COMMANDS[name][2].removeprefix("medrag.") for name in STAGES}
    assert {"build_index", "build_dataset", "train", "evaluate", "ask"} <= names
    assert {"make demo", "make test"} <= {" ".join(words) for words in COMMANDS.values()}
    assert blocks(README, "python")


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_takes_the_settings_it_is_shown_with(name: str) -> None:
    words = COMMANDS[name]
    check_stage(words)
    for word in words[3:]:  # samples exist; the outputs of a stage do not yet
        for path in re.findall(r"\bsamples/[\w./-]*", word):
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize(
    "wrong",
    [
        "python -m medrag.build_index corpus.path=[x]",
        "python -m medrag.build_index 'corpus.paths=x,y'",
        "python -m medrag.train +experiment=qlra",
        "python -m medrag.train experiment=qlora",
        "python -m medrag.ask 'Why?' retriever.k=many",
        "python -m medrag.evaluate generator=gpt",
        "python -m medrag.buid_index",
    ],
)
def test_a_mistake_in_a_command_would_be_found(wrong: str) -> None:
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
def test_a_script_in_a_command_exists(name: str) -> None:
    for word in COMMANDS[name]:
        if word.endswith((".py", ".sh")) and "*" not in word:
            assert (ROOT / word).is_file(), word


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_finished_and_wrapped(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for block in blocks(page, "", "text", "console"):
        assert not PLACEHOLDER.search(block.strip()), block
    prose = FENCE.sub("", text)
    assert "@@" not in prose
    long = [line for line in prose.splitlines() if len(line) > 100 and not line.startswith("|")]
    assert long == []


def test_the_readme_is_short_enough_to_read() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def is_setting(name: str) -> bool:
    node: Any = Config
    for part in name.split("."):
        if not is_dataclass(node) or part not in {field.name for field in fields(node)}:
            return False
        node = get_type_hints(node)[part]
    return True


def named_settings(page: Path) -> set[str]:
    """The settings that a page names, in its prose and tables."""
    groups = {field.name for field in fields(Config)}
    code = re.findall(r"`([^`]+)`", FENCE.sub("", page.read_text(encoding="utf-8")))
    found = {name for text in code for name in SETTING.findall(text)}
    return {
        name
        for name in found
        if name.split(".")[0] in groups
        and not name.endswith((".md", ".py", ".sqlite", ".jsonl", ".yaml"))
    }


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_a_setting_that_is_named_exists(page: Path) -> None:
    assert [name for name in sorted(named_settings(page)) if not is_setting(name)] == []


def test_settings_are_found_in_the_prose() -> None:
    assert "corpus.max_parser_mb" in named_settings(ROOT / "docs/index.md")
    assert not is_setting("embedder.batch_size")


def test_the_maps_name_the_code_that_is_there() -> None:
    """Every package is on both maps, and nothing is on a map that does not exist."""
    package = ROOT / "medrag"
    packages = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    (in_readme,) = (block for block in blocks(README, "text") if block.startswith("medrag/"))
    _, _, page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").partition("\n## ")
    table, _, _ = page.partition("\n## ")
    in_table = "\n".join(re.findall(r"`[^`]*`", table))
    for text in (in_readme, in_table):
        named = set(re.findall(r"\w+/|\w+\.py", text))
        assert packages <= named
        for name in named - {"medrag/", "conf/", "samples/", "scripts/", "tests/"}:
            assert [*ROOT.glob(f"medrag/**/{name}"), *ROOT.glob(f"tests/{name}")], name


def test_the_protocols_on_the_page_are_those_of_the_code() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.partition("\n## Seams")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) > 5
    for protocols, where, *_ in rows:
        place = ROOT / "medrag" / where.strip("`")
        code = "".join(
            path.read_text(encoding="utf-8")
            for path in (*place.rglob("*.py"), place)
            if path.is_file()
        )
        for name in re.findall(r"`(\w+)`", protocols):
            assert re.search(rf"^class {name}\(.*\bProtocol\)", code, re.M), name


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    declared = [*project["dependencies"], *(one for extra in extras for one in extra)]
    names = {re.split(r"[\[>=<]", one)[0] for one in declared} - {project["name"]}
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    columns = re.findall(r"^\| ([^|]+) \|", page, re.M)
    explained = {word for column in columns for word in re.split(r"[, ]+", column)}
    assert len(names) > 30
    assert names - explained == set()


ERRORS = [
    (command, message)
    for page in DOCS
    for block in blocks(page, "text", "console")
    for command, message in re.findall(r"^\$ (python -m medrag.*)\nerror: ((?:.+\n)+)", block, re.M)
]


@pytest.mark.parametrize(("command", "message"), ERRORS)
def test_an_error_that_is_shown_is_the_error_one_gets(command: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_stage(shlex.split(command))
    assert str(error.value).split() == message.split()


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the samples, and an index of them in outputs/index."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "samples").symlink_to(ROOT / "samples")
    command = "python -m medrag.build_index corpus.paths=[samples/corpus] tracking.wandb=disabled"
    run([*shlex.split(command)[1:]], folder)
    return folder


def run(arguments: list[str], folder: Path) -> str:
    """Run Python in a folder as a reader would; returns its output."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def rounded(text: str) -> list[str]:
    """The words of an answer; the confidence varies by 0.01 with the embedder's precision."""
    return [word[:3] if re.fullmatch(r"0\.\d\d", word) else word for word in text.split()]


@pytest.mark.slow
def test_the_answers_in_the_readme_are_those_one_gets(samples: Path) -> None:
    (shown,) = (block for block in blocks(README, "text") if block.startswith("? "))
    for question, answer in re.findall(r"^\? (.*)\n((?:(?!\? ).*\n?)*)", shown, re.M):
        said = run(["-m", "medrag.ask", question, "tracking.wandb=disabled"], samples)
        assert rounded(said) == rounded(answer)


@pytest.mark.slow
@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_the_python_blocks_of_a_page_run(page: Path, samples: Path) -> None:
    if code := "\n".join(blocks(page, "python")):
        assert run(["-c", code], samples)
