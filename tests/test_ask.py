"""What `medrag.ask` shows, what is a question to it, and how `medrag STAGE` starts a stage."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from medrag.ask import main, show, split_question
from medrag.cli import check_overrides, take_option
from medrag.config import Config
from medrag.errors import ArtefactError, ConfigError
from medrag.generation.prompts import REFUSAL, Reply
from medrag.grounding import ground
from medrag.grounding.statements import parse_reply
from medrag.types import Answer, Citation, Contradiction, Hit

ROOT = Path(__file__).resolve().parents[1]
TEXT = "Allopurinol lowers uric acid and prevents further attacks."
HIT = Hit(1, "gout.txt", "Gout", TEXT, 0, len(TEXT), None, "", "", score=1.0)


def shown(reply: Reply, capsys: pytest.CaptureFixture[str]) -> str:
    parsed = parse_reply(reply, 1)
    grounded = ground(parsed.statements, [HIT], 0.5)
    show(
        Answer(
            question="Which drug lowers uric acid?",
            answer=grounded.text or REFUSAL,
            abstained=not grounded.text,
            confidence=0.9,
            sources=grounded.citations,
            hits=(HIT,),
            sentences=grounded.sentences + parsed.removed,
            stray_markers=parsed.stray_markers,
        )
    )
    return " ".join(capsys.readouterr().out.split())


def test_what_was_removed_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    said = shown(Reply("Allopurinol lowers uric acid [1][4]. Give 5", cut=True), capsys)
    assert "Allopurinol lowers uric acid. [1]" in said
    assert "removed: a marker of a passage that was not given" in said
    assert (
        "removed (the reply was cut off here; generator.max_new_tokens limits its length): Give 5"
    ) in said
    assert "removed: 3 markers of passages that were not given" in shown(
        Reply("Allopurinol lowers uric acid [2-4]."), capsys
    )


def test_what_an_answer_lacks_and_what_says_otherwise_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = Citation(
        2, "old.txt", "Old [book]", "Never above 2 g.", 10, 26, 3, "Doses", "", 0.8, ("superseded",)
    )
    answer = Answer(
        "What is the maximum dose?", "Give 3 g. [1]", False, 0.4, (), (HIT,),
        missing=("maximum",),
        contradicting=(Contradiction("Give 3 g.", "the source says 2 g, not 3 g", other),),
        warnings=("the question has 600 tokens; the search by meaning read the first 256",),
    )  # fmt: skip
    show(answer)
    said = " ".join(capsys.readouterr().out.split())
    assert "not said: maximum" in said
    assert "confidence 0.40 · conflict" in said
    assert "says otherwise than “Give 3 g.”: the source says 2 g, not 3 g [2] Old [book]" in said
    assert "“Never above 2 g.” old.txt · page 3 · Doses · characters 10–26 superseded" in said
    assert "read the first 256" in said
    assert answer.status == "conflict"


def test_nothing_is_said_where_nothing_was_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "removed" not in shown(Reply("Allopurinol lowers uric acid [1]."), capsys)


def told(answer: Answer, capsys: pytest.CaptureFixture[str]) -> str:
    show(answer)
    return capsys.readouterr().out


def source(**changes: object) -> Citation:
    known = Citation(1, "a.txt", "A", "Give 3 g.", 0, 9, None, "", "", 1.0)
    return replace(known, **changes)  # type: ignore[arg-type]


def test_a_source_shows_all_that_is_known_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("tables as lines", "OCR", "expression of concern", "retracted")
    url = f"https://example.org/{'long/' * 30}a"
    one = source(
        url=url, flags=flags, duplicates=("b.txt", "c.txt"), evidence="systematic review", page=2
    )
    lines = told(Answer("Q?", "Give 3 g. [1]", False, 0.4, (one,), (HIT,)), capsys).splitlines()
    assert "Careful: source 1 is retracted, under an expression of concern." in lines
    assert f"    {url}" in lines
    assert "    also in b.txt, c.txt" in lines
    assert "    a.txt · page 2 · characters 0–9 · systematic review" in lines
    assert f"    {', '.join(flags)}" in lines
    plain = told(Answer("Q?", "Give 3 g. [1]", False, 0.4, (source(),), (HIT,)), capsys)
    assert "Careful" not in plain
    assert "also in" not in plain
    assert "http" not in plain


def test_the_nearest_documents_show_their_flags(capsys: pytest.CaptureFixture[str]) -> None:
    hits = (
        replace(HIT, flags=("retracted",)),
        replace(HIT, chunk_id=2, flags=("OCR", "retracted")),
        replace(HIT, chunk_id=3, title="", document="b.txt"),
    )
    said = told(Answer("Q?", REFUSAL, True, 0.1, (), hits), capsys)
    assert "nearest documents: Gout (retracted, OCR); b.txt\n" in said


def test_a_document_cannot_write_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    bad = source(text="a\x1b]0;b\x07 [bold]c[/bold] 1:100: d", title="\u202eA", document="x\ny")
    said = told(Answer("Q?", "a\x1b[2J [1]", False, 0.4, (bad,), (HIT,)), capsys)
    assert not {"\x1b", "\x07", "\u202e"} & set(said)
    assert "[bold]c[/bold] 1:100: d" in said


# ------------------------------------------------------------------ the question

ASKED = [
    (["-5 dioptres, what lens?"], "-5 dioptres, what lens?", []),
    (["HbA1c>=7=bad?"], "HbA1c>=7=bad?", []),
    (["What is a.b=c in genetics?"], "What is a.b=c in genetics?", []),
    (["a.b=c"], "a.b=c", []),
    (["Is", "BMI=30", "bad?"], "Is BMI=30 bad?", []),
    (["p=0.05"], "p=0.05", []),
    (['"Is it [safe], (really) {so}?"'], '"Is it [safe], (really) {so}?"', []),
    (["Does retriever.k=3 mean 3 hits?"], "Does retriever.k=3 mean 3 hits?", []),
    (["generator=hf or openai, which is better?"], "generator=hf or openai, which is better?", []),
    (["+5=x"], "+5=x", []),
    (["--help me with asthma"], "--help me with asthma", []),
    (["-c is what in statistics?"], "-c is what in statistics?", []),
    (["what", "about", "-5", "?"], "what about -5 ?", []),
    (["-"], "-", []),
    (["--", "--help"], "--help", []),
    (["retriever.k=3", "--", "index.dir=x", "--"], "index.dir=x --", ["retriever.k=3"]),
    (["index.dir=/my notes/index", "Why?"], "Why?", ["index.dir=/my notes/index"]),
    (["--cfg", "job"], None, ["--cfg", "job"]),
    (["--json", "Why?"], "Why?", ["--json"]),
    (["--", "--json", "or", "XML?"], "--json or XML?", []),
    (["--cfg=job", "-m"], None, ["--cfg=job", "-m"]),
    # a misspelt name is one; the error comes later
    (["retriver.k=3", "Why?"], "Why?", ["retriver.k=3"]),
    (["retriever.kk=3"], None, ["retriever.kk=3"]),
    (["k=3", "Why?"], "Why?", ["k=3"]),
    (["++new.name=1"], None, ["++new.name=1"]),
]


@pytest.mark.parametrize(("arguments", "question", "settings"), ASKED)
def test_what_sets_nothing_is_the_question(
    arguments: list[str], question: str | None, settings: list[str]
) -> None:
    assert split_question(arguments) == (question, settings)


@pytest.mark.parametrize(
    ("argument", "meant"),
    [
        ("--certificat", "did you mean --certificate? "),
        ("--wher=year", "did you mean --where? "),
        ("--jsn", "did you mean --json? "),
        ("--json=yes", "did you mean --json? "),
        ("--halp", "did you mean --help? "),
        ("--xyzzy", ""),
        ("-q", ""),
    ],
)
def test_an_unknown_option_is_an_error_with_the_nearest_one(argument: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        split_question(["What is gout?", argument])
    assert str(caught.value).startswith(f"unknown option {argument}; {meant}")


def test_a_misspelt_setting_names_the_near_one() -> None:
    for argument, near in (("retriver.k=3", "retriever"), ("k=3", "retriever.k")):
        _, settings = split_question([argument])
        with pytest.raises(ConfigError, match=rf"did you mean {near}\?"):
            check_overrides(settings)


# ------------------------------------------------------------------ --certificate and --where


@pytest.mark.parametrize(
    ("arguments", "value", "rest"),
    [
        (["why?", "--certificate", "a.json", "retriever.k=3"], "a.json", ["why?", "retriever.k=3"]),
        (["--certificate=a=b.json", "why?"], "a=b.json", ["why?"]),
        (["--cfg", "job", "--certificate", "a.json"], "a.json", ["--cfg", "job"]),
        (["why?", "--certificate"], "", ["why?"]),
        (["--certificate=", "why?"], "", ["why?"]),
        (["--certificates", "why?"], None, ["--certificates", "why?"]),
        ([], None, []),
        (["--", "--certificate", "a"], None, ["--", "--certificate", "a"]),
    ],
)
def test_the_file_of_a_certificate_is_found(
    arguments: list[str], value: str | None, rest: list[str]
) -> None:
    assert take_option(arguments, "--certificate") == (value, rest)


def test_the_file_is_no_part_of_the_question() -> None:
    _, rest = take_option(["What", "is", "--certificate", "a.json", "gout?"], "--certificate")
    assert split_question(rest) == ("What is gout?", [])


@pytest.mark.parametrize(
    ("question", "certificate", "told"),
    [
        (None, "a.json", "--certificate a.json is for one answer, not for a dialogue; give a "),
        ("What is gout?", "", "--certificate needs a file"),
        (None, "", "--certificate needs a file"),
    ],
)
def test_a_certificate_needs_a_question_and_a_file(
    question: str | None, certificate: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        main(Config(), question, certificate)


def test_a_filter_needs_a_value_and_is_one() -> None:
    with pytest.raises(ConfigError, match="--where needs a filter"):
        main(Config(), "What is gout?", None, "")
    config = Config()
    config.index.dir = "nowhere"
    with pytest.raises(ArtefactError):
        main(config, "What is gout?", None, "year >= 2015 and journal = Lancet*")
    assert config.retriever.filter == "year >= 2015 and journal = Lancet*"


# ------------------------------------------------------------------ medrag STAGE


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_says_how_to_ask_and_fits_a_terminal(option: str, tmp_path: Path) -> None:
    done = medrag(tmp_path, "ask", option)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith('medrag ask "QUESTION"')
    assert max(map(len, lines)) <= 80
    assert len(lines) < 40
    for name in (
        "--where",
        "--certificate",
        "--json",
        "--cfg job",
        "retriever.k=",
        "Not medical advice",
    ):
        assert name in done.stdout
    settings = re.findall(r"^  ([a-z_.]+)=(\S+) ", done.stdout, re.MULTILINE)
    assert len(settings) > 4
    for name, value in settings:  # the defaults are those of the configuration
        found: object = Config()
        for part in name.split("."):
            found = getattr(found, part)
        assert str(getattr(found, "kind", found)).removesuffix(".0") == value
    assert "Choices, given as GROUP=CHOICE" in medrag(tmp_path, "ask", "--help-all").stdout


def test_the_overview_fits_any_terminal(tmp_path: Path) -> None:
    done = medrag(tmp_path, environment={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "documents -> outputs/index" in done.stdout


def medrag(
    where: Path, *arguments: str, code: str = "", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`medrag …` as the installed script runs it, then more code."""
    script = f"import sys; from medrag.__main__ import main; main(); {code}"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=where,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | (environment or {}),
        check=False,
    )


def test_the_installed_script_is_the_one_that_is_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, function = project["scripts"]["medrag"].partition(":")
    assert getattr(import_module(module), function).__module__ == "medrag.__main__"


def test_a_stage_runs_in_the_same_process(tmp_path: Path) -> None:
    done = medrag(tmp_path, "ask", "--certificate", "a.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --certificate a.json is for one answer, not for a ")
    assert done.stderr.count("\n") == 1
    done = medrag(tmp_path, "ask", "--cfg", "job", "retriever.k=7")
    assert done.returncode == 0
    assert "  k: 7\n" in done.stdout


def test_without_a_stage_they_are_listed_and_nothing_is_loaded(tmp_path: Path) -> None:
    for arguments in ([], ["--help"]):
        done = medrag(tmp_path, *arguments, code="print(*sys.modules)")
        assert (done.returncode, done.stderr) == (0, "")
        *said, modules = done.stdout.splitlines()
        assert not {"hydra", "numpy", "omegaconf", "rich", "torch"} & set(modules.split())
        stages = [line.split()[2] for line in said if line.startswith("  python -m ")]
        assert {"medrag.build_index", "medrag.ask", "medrag.verify"} <= set(stages)
        for stage in stages:
            assert (ROOT / "medrag" / f"{stage.partition('.')[2]}.py").is_file()


def test_an_unknown_stage_is_one_line_with_the_nearest_name(tmp_path: Path) -> None:
    done = medrag(tmp_path, "evalute", "retriever.k=3")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: unknown stage evalute; did you mean evaluate? the stages")
    assert done.stderr.count("\n") == 1
    assert "did you mean" not in medrag(tmp_path, "[xyzzy]").stderr
