"""What `medrag.ask` shows, what `--certificate` needs, and how `medrag STAGE` starts a stage."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from medrag.ask import main, show, split_question
from medrag.cli import take_option
from medrag.config import Config
from medrag.errors import ConfigError
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


# ------------------------------------------------------------------ --certificate


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


# ------------------------------------------------------------------ medrag STAGE


def medrag(where: Path, *arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """`medrag …` as the installed script runs it, then more code."""
    script = f"import sys; from medrag.__main__ import main; main(); {code}"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=where,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
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
