"""Questions in turn in a terminal: follow-ups, commands, line editing and history."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from medrag import CorpusConfig, IndexConfig, PipelineConfig, RAGPipeline
from medrag.answer_view import show_reasons
from medrag.dialogue import Dialogue
from medrag.errors import ModelError
from medrag.generation.prompts import Pieces, Prompt, Reply
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.types import AnswerSentence
from tests.pseudo_terminal import CTRL_C, CTRL_D, ROOT, UP, Session, in_terminal

NOTES = {
    "metformin.jsonl": '{"id": "m", "title": "Metformin", "url": "https://example.org/metformin", '
    '"text": "The maximum dose of metformin is 2 g daily. In renal impairment the maximum dose of '
    'metformin is 1 g daily. Metformin is safe in pregnancy."}',
    "gout.txt": "Gout\n\nAllopurinol lowers uric acid and prevents further attacks of gout.",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, embedder: TextEmbedder) -> Path:
    """The index of two notes."""
    root = tmp_path_factory.mktemp("dialogue")
    for name, text in NOTES.items():
        (root / name).write_text(text, encoding="utf-8")
    paths = [str(root / name) for name in NOTES]
    config = PipelineConfig(
        corpus=CorpusConfig(paths=paths), index=IndexConfig(dir=str(root / "index"))
    )
    IndexBuilder(config, embedder).mirror()
    return root / "index"


@pytest.fixture
def pipeline(index: Path, embedder: TextEmbedder) -> RAGPipeline:
    config = PipelineConfig(index=IndexConfig(dir=str(index)))
    return RAGPipeline(config, embedder=embedder)


def said(dialogue: Dialogue, capsys: pytest.CaptureFixture[str], line: str) -> str:
    assert dialogue.reply(line)
    return capsys.readouterr().out


# ------------------------------------------------------------------ what is said to a line


def test_a_follow_up_is_asked_in_full_and_shown(
    pipeline: RAGPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    dialogue = Dialogue(pipeline)
    first = said(dialogue, capsys, "What is the maximum dose of metformin?")
    assert "2 g daily" in first
    assert "asked as" not in first
    assert "    https://example.org/metformin\n" in first
    second = said(dialogue, capsys, "and in renal impairment?\n")
    assert "asked as: “What is the maximum dose of metformin in renal impairment?”" in second
    assert "1 g daily" in second
    third = said(dialogue, capsys, "is it safe in pregnancy?")
    assert "asked as: “Is metformin safe in pregnancy?”" in third


def test_what_refers_to_nothing_clear_is_not_searched(
    pipeline: RAGPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    dialogue = Dialogue(pipeline)
    unclear = "\nI do not know what this refers to; ask it in full.\n"
    assert said(dialogue, capsys, "and in pregnancy?") == unclear
    said(dialogue, capsys, "Is metformin better than allopurinol?")
    assert said(dialogue, capsys, "and side effects?") == unclear
    said(dialogue, capsys, "What is the maximum dose of metformin?")
    assert said(dialogue, capsys, "and then?") == unclear
    third = said(dialogue, capsys, "for how long?")  # the dialogue goes on
    assert third.startswith("\nasked as: “How long is metformin given?”\n\n")


def test_sources_shows_all_hits(pipeline: RAGPipeline, capsys: pytest.CaptureFixture[str]) -> None:
    dialogue = Dialogue(pipeline)
    assert "Nothing has been asked yet." in said(dialogue, capsys, "sources")
    said(dialogue, capsys, "What is the maximum dose of metformin?")
    shown = said(dialogue, capsys, "sources")
    assert "1. Metformin\n    score " in shown
    assert "· similarity 0." in shown
    assert "    https://example.org/metformin\n" in shown
    assert "2. " in shown


def test_why_tells_support_and_what_the_confidence_is_made_of(
    pipeline: RAGPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    dialogue = Dialogue(pipeline)
    assert "Nothing has been asked yet." in said(dialogue, capsys, "why")
    said(dialogue, capsys, "What is the maximum dose of metformin?")
    shown = said(dialogue, capsys, "why")
    assert "statements:\n  The maximum dose of metformin is 2 g daily. [1]\n" in shown
    assert "    support 1.00 · supported\n" in shown
    assert "0.15 is needed (grounding.min_confidence)" in shown
    assert "  raised by:\n" in shown
    assert "held back" not in shown


def test_why_shows_what_was_held_back(
    pipeline: RAGPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.config.grounding.min_confidence = 1.0
    dialogue = Dialogue(pipeline)
    refused = said(dialogue, capsys, "What is the maximum dose of metformin for horses?")
    assert "The documents do not say." in refused
    shown = said(dialogue, capsys, "why")
    assert "held back: the confidence is too low" in shown
    assert "would have said:\n  " in shown
    assert "1.00 is needed" in shown


def test_why_says_what_is_missing_and_what_is_not_supported(
    pipeline: RAGPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = pipeline.draft("What is the maximum dose of metformin?")
    wrong = AnswerSentence("Give 3 g.", (), 0.0, False, "the source says 2 g, not 3 g")
    answer = replace(draft.answer, sentences=(wrong,), missing=("maximum",))
    show_reasons(answer, draft.signals, pipeline.calibration[0], 0.15, "grounding.min_confidence")
    shown = capsys.readouterr().out
    assert "  Give 3 g.\n    support 0.00 · not supported: the source says 2 g, not 3 g\n" in shown
    assert "does not say: maximum" in shown


@pytest.mark.parametrize(
    "question",
    [
        "why does metformin lower the blood sugar?",
        "help with gout, what prevents attacks?",
        "Sources of uric acid in gout?",
        "quit smoking with gout: does it help?",
        "exit of uric acid in gout?",
    ],
)
def test_a_question_may_begin_with_the_word_of_a_command(
    question: str, pipeline: RAGPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "\nconfidence " in said(Dialogue(pipeline), capsys, question)


def test_why_with_a_question_mark_asks_if_there_is_something_to_ask(
    pipeline: RAGPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    dialogue = Dialogue(pipeline)
    said(dialogue, capsys, "Is metformin safe in pregnancy?")
    assert "asked as: “Why is metformin safe in pregnancy?”" in said(dialogue, capsys, "why?")
    said(dialogue, capsys, "What is the maximum dose of metformin?")
    assert "is needed (grounding" in said(dialogue, capsys, "why?")


@pytest.mark.parametrize("line", ["quit", "exit", "QUIT", "", "\n"])
def test_the_dialogue_ends(line: str, pipeline: RAGPipeline) -> None:
    assert not Dialogue(pipeline).reply(line)


class Broken:
    """A generator whose model cannot be loaded."""

    reads_messages = True

    def generate(self, prompt: Prompt) -> Reply:
        raise ModelError("there is no model")

    def stream(self, prompt: Prompt) -> Pieces:
        yield from ()
        return self.generate(prompt)

    def close(self) -> None:
        pass


def test_an_error_of_one_question_does_not_end_the_dialogue(
    index: Path, embedder: TextEmbedder, capsys: pytest.CaptureFixture[str]
) -> None:
    config = PipelineConfig(index=IndexConfig(dir=str(index)))
    config.grounding.min_confidence = 0.0
    dialogue = Dialogue(RAGPipeline(config, embedder=embedder, generator=Broken()))
    assert "there is no model" in said(dialogue, capsys, "What prevents attacks of gout?")
    assert "characters" in said(dialogue, capsys, "gout? " * 5000)
    assert "commands" in said(dialogue, capsys, "help")


# ------------------------------------------------------------------ in a terminal


def typed(index: Path, home: Path, *keys: tuple[str | float, str], **more: str) -> Session:
    arguments = ["-m", "medrag.ask", f"index.dir={index}", "tracking.wandb=disabled"]
    return in_terminal(arguments, keys, home, **more)


def history(home: Path) -> Path:
    return home / ".local/state/medrag/history"


def test_lines_are_edited_and_kept_for_the_next_dialogue(index: Path, tmp_path: Path) -> None:
    question = "What prevents attacks of gout?"
    first = typed(index, tmp_path, ("? ", f"{question}\r"), ("confidence", ""), ("? ", "quit\r"))
    assert first.status == 0
    assert "prevents further attacks of gout. [1]" in first.text
    file = history(tmp_path)
    assert file.read_text(encoding="utf-8").splitlines() == [question, "quit"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    # Up, up: the question of the dialogue before.
    second = typed(index, tmp_path, ("? ", f"{UP}{UP}\r"), ("confidence", ""), ("? ", CTRL_D))
    assert second.status == 0
    assert "prevents further attacks of gout. [1]" in second.text
    assert file.read_text(encoding="utf-8").splitlines() == [question, "quit", question]


def test_the_history_is_bounded(index: Path, tmp_path: Path) -> None:
    file = history(tmp_path)
    file.parent.mkdir(parents=True)
    file.write_text("".join(f"question {n}\n" for n in range(1500)), encoding="utf-8")
    file.chmod(0o644)
    typed(index, tmp_path, ("? ", "quit\r"))
    lines = file.read_text(encoding="utf-8").splitlines()
    assert (len(lines), lines[-1]) == (1000, "quit")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_home_that_cannot_be_written_is_no_error(index: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    session = typed(index, tmp_path, ("? ", "help\r"), ("? ", CTRL_D), XDG_STATE_HOME="file")
    assert session.status == 0
    assert "Traceback" not in session.text
    assert "These words alone are commands" in session.text


def test_it_works_without_readline(index: Path, tmp_path: Path) -> None:
    (tmp_path / "readline.py").write_text("raise ImportError", encoding="utf-8")
    path = f"{ROOT}:{tmp_path}"
    session = typed(index, tmp_path, ("? ", "help\r"), ("? ", "quit\r"), PYTHONPATH=path)
    assert session.status == 0
    assert not history(tmp_path).exists()


def test_ctrl_c_at_the_prompt_ends_in_one_line(index: Path, tmp_path: Path) -> None:
    session = typed(index, tmp_path, ("? ", "half a line"), (0.3, CTRL_C))
    assert session.status == 130
    assert session.text.endswith("stopped\n")
    assert "Traceback" not in session.text


def test_what_is_typed_during_an_answer_stands_at_the_next_prompt(
    index: Path, tmp_path: Path
) -> None:
    session = typed(
        index, tmp_path, ("? ", "What prevents attacks of gout?\r"), (0.2, "help\r"),
        ("commands", ""), ("? ", CTRL_D),
    )  # fmt: skip
    answer, _, rest = session.text.partition("confidence")
    assert "help\n" not in answer.partition("gout?")[2]
    assert "? help\n" in rest


@pytest.mark.parametrize("columns", [40, 80])
def test_lines_fit_the_terminal(columns: int, index: Path, tmp_path: Path) -> None:
    session = typed(
        index, tmp_path, ("? ", "What prevents gout?\r"), ("confidence", ""), ("? ", "why\r"),
        ("needed", ""), ("? ", CTRL_D), columns=columns,
    )  # fmt: skip
    lines = session.text.splitlines()
    assert max(len(line.rpartition("\r")[2]) for line in lines) <= columns


def test_a_dumb_terminal_and_no_color_get_no_codes(index: Path, tmp_path: Path) -> None:
    for more in ({"TERM": "dumb"}, {"NO_COLOR": "1"}):
        arguments = ["-m", "medrag.ask", "What prevents gout?", f"index.dir={index}"]
        session = in_terminal([*arguments, "tracking.wandb=disabled"], [], tmp_path, **more)
        assert session.status == 0
        assert "confidence" in session.raw
        assert "\x1b" not in session.raw


def piped(
    index: Path, where: Path, *arguments: str, typed: str = "", **more: str
) -> subprocess.CompletedProcess[bytes]:
    settings = [f"index.dir={index}", "tracking.wandb=disabled"]
    return subprocess.run(
        [sys.executable, "-m", "medrag.ask", *arguments, *settings],
        input=typed.encode(),
        capture_output=True,
        timeout=60,
        cwd=where,
        env={
            "HOME": str(where),
            "XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"],
            "PYTHONPATH": str(ROOT),
            "HF_HUB_OFFLINE": "1",
        }
        | more,
        check=False,
    )


def test_ascii_loses_nothing(index: Path, tmp_path: Path) -> None:
    question = "Is ≥ 2 g of “metformin” safe, in µg?\n"
    done = piped(index, tmp_path, typed=question, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode("ascii").startswith('? Is >= 2 g of "metformin" safe, in mcg?\n')


def test_each_line_of_a_pipe_is_a_question_of_its_own(index: Path, tmp_path: Path) -> None:
    lines = "\ufeffWhat prevents attacks of gout?\n\n  \r\nand in renal impairment?\nquit"
    done = piped(index, tmp_path, typed=lines)
    assert (done.returncode, done.stderr) == (0, b"")
    said = done.stdout.decode()
    assert said.startswith("? What prevents attacks of gout?\n\n")
    assert [line for line in said.splitlines() if line.startswith("? ")] == [
        "? What prevents attacks of gout?", "? and in renal impairment?", "? quit"
    ]  # fmt: skip
    assert said.count("\n\n? ") == 2
    assert "asked as" not in said
    assert "\n\n\n" not in said
    assert b"\x1b" not in done.stdout
    assert not history(tmp_path).exists()


def test_a_bad_question_of_a_pipe_is_said_and_counted(index: Path, tmp_path: Path) -> None:
    lines = f"{'gout? ' * 2000}\nWhat prevents attacks of gout?\n"
    done = piped(index, tmp_path, typed=lines)
    assert done.returncode == 2
    assert b"\nerror: the question has 11999 characters; the limit is" in done.stdout
    assert b"Allopurinol" in done.stdout
    assert done.stderr == b"error: 1 of 2 questions got no answer; the output says why\n"
    done = piped(index, tmp_path, "--json", typed=lines)
    bad, good = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 2
    assert bad["question"] == lines.partition("\n")[0].strip()
    assert bad["error"].startswith("the question has 11999 characters")
    assert good["status"] == "answered"


def test_a_pipe_without_a_question_is_an_error(index: Path, tmp_path: Path) -> None:
    done = piped(index, tmp_path, typed="\n \n")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: standard input has no question")


def test_json_is_one_object_for_each_answer_and_nothing_else(
    index: Path, tmp_path: Path, pipeline: RAGPipeline
) -> None:
    questions = ["What prevents attacks of gout?", "Is “metformin” safe in pregnancy?"]
    done = piped(index, tmp_path, "--json", typed="\n\n".join(questions), PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["question"] for one in found] == questions
    assert found[0].keys() == pipeline.query(questions[0]).to_dict().keys()
    assert found[0]["sources"][0]["document"] == "gout.txt"
    one = piped(index, tmp_path, questions[0], "--json", "--certificate", "a.json")
    assert one.returncode == 0
    assert json.loads(one.stdout) == found[0]
    assert (tmp_path / "a.json").exists()
    bad = piped(index, tmp_path, " ", "--json")
    assert (bad.returncode, bad.stdout) == (2, b"")


def test_no_line_ends_in_spaces_on_a_terminal(index: Path, tmp_path: Path) -> None:
    session = typed(
        index, tmp_path, ("? ", "What is the maximum dose of metformin?\r"), ("confidence", ""),
        ("? ", "and in renal impairment?\r"), ("confidence", ""), ("? ", "why\r"), ("needed", ""),
        ("? ", "help\r"), ("? ", CTRL_D), columns=40,
    )  # fmt: skip
    said = [line for line in session.text.splitlines() if not line.startswith("? ")]
    assert [line for line in said if line != line.rstrip(" ")] == []
    assert "\n\nasked as: “What is the maximum dose of\n" in session.text


def test_json_is_not_for_a_dialogue(index: Path, tmp_path: Path) -> None:
    session = in_terminal(["-m", "medrag.ask", "--json", f"index.dir={index}"], [], tmp_path)
    assert session.status == 2
    assert "error: --json is not for a dialogue; give a question" in session.text


def test_where_restricts_what_is_searched(index: Path, tmp_path: Path) -> None:
    question = "What prevents attacks of gout?"
    done = piped(index, tmp_path, question, "--where", "title = Metformin")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Allopurinol" not in done.stdout
    assert b"Allopurinol" in piped(index, tmp_path, question, "--where=title = Gout").stdout
    wrong = piped(index, tmp_path, question, "--where", "title >>> 3")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith(b"error: ")
    assert wrong.stderr.count(b"\n") == 1
