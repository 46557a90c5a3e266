"""Ask the index: one question, a file of them from a pipe, or questions in turn."""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .answer_view import out, say, show
from .certificates import certify, write
from .cli import OPTIONS, OPTIONS_WITH_VALUE, fail, launch, sets, take_option
from .config import Config
from .dialogue import converse
from .errors import ConfigError, HttpError, ModelError, QuestionError
from .indexing import with_embedder_of_index
from .pipeline import RAGPipeline
from .progress import console
from .terminal import finish_output, plain
from .types import Answer

HELP = """\
medrag ask "QUESTION" [NAME=VALUE ...]  one answer, with its sources
medrag ask [NAME=VALUE ...]             questions in turn, with follow-ups
medrag ask < FILE                       a question in each line, no follow-ups

  medrag ask "What is the maximum dose of metformin?"
  medrag ask "Is aspirin safe in pregnancy?" --where "year >= 2015"
  medrag ask "What is gout?" --certificate gout.json
  medrag ask --json < questions.txt > answers.jsonl

Options:
  --where FILTER      search only documents that pass, as in
                      "year >= 2015 and journal = Lancet*"
  --certificate FILE  also write what the answer rests on, for medrag verify
  --json              answers as JSON, one in each line, and nothing else
  --                  what follows is the question, whatever it looks like
  --cfg job           show all settings; --help-all also shows their groups
  -h, --help          show this

Settings that matter, with their defaults:
  index.dir=outputs/index        where the index is
  retriever.k=5                  passages that are searched for the answer
  grounding.min_confidence=0.15  below it no answer is shown
  grounding.target_risk=0        share of answers that may be wrong; 0: not set
  generator=extractive           who writes: it quotes; hf and openai are models
  generator.max_sentences=2      sentences in an answer (extractive)

Quote a question: the shell keeps ? * ' = and the like for itself. An argument
with a space, or one that names no setting, is a question or a part of it.
Not medical advice."""
_OPTION = re.compile(r"--?[A-Za-z]\S*")  # but not "-5", nor "-5 dioptres, which lens?"
_HELP_OPTIONS = ("-h", "--help", "--help-all")
_JSON = "--json"  # takes no value
_OPTIONS = ("--certificate", "--where", *_HELP_OPTIONS, *sorted(OPTIONS))


def split_question(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Separate the question from settings and options: its words are what sets nothing.

    Returns:
        The question, or None if there is none, and the other arguments.

    Raises:
        ConfigError: there is no such option.
    """
    words, settings, rest = list[str](), list[str](), list(arguments)
    while rest:
        argument = rest.pop(0)
        name = argument.partition("=")[0]
        if argument == "--":  # what follows is the question, whatever it looks like
            words, rest = [*words, *rest], []
        elif name in _OPTIONS or argument == _JSON:
            settings.append(argument)
            if argument in OPTIONS_WITH_VALUE:
                settings, rest = [*settings, *rest[:1]], rest[1:]
        elif _OPTION.fullmatch(argument):
            near = difflib.get_close_matches(name, (*_OPTIONS, _JSON), n=1)
            meant = f"did you mean {near[0]}? " if near else ""
            raise ConfigError(
                f"unknown option {argument}; {meant}--help shows them; put a question that begins "
                "with a dash after --"
            )
        else:
            (settings if sets(argument) else words).append(argument)
    return (" ".join(words) if words else None), settings


def run(
    config: Config, question: str, certificate: Path | None = None, as_json: bool = False
) -> Answer:
    """Print the answer to one question, and write its certificate if a file is named for it.

    Args:
        as_json: print `Answer.to_dict()` in one line.

    Raises:
        QuestionError, ArtefactError, ModelError, HttpError: see `RAGPipeline.query`.
        DiskError: the certificate cannot be written.
    """
    with RAGPipeline(with_embedder_of_index(config)) as rag:
        answer = rag.query(question)
        if certificate is not None:
            write(certificate, certify(rag, answer))  # first: who reads the answer may go early
        if as_json:
            _write_json(answer.to_dict())
        else:
            show(answer)
        if certificate is not None:
            console.print(f"certificate in {certificate}", markup=False, soft_wrap=True)
    return answer


def run_lines(rag: RAGPipeline, lines: Iterable[str], as_json: bool = False) -> None:
    """Answer the question in each line; empty lines hold none, and no line completes another.

    A question that cannot be answered does not stop the others: what is wrong is said in the place
    of its answer, as `{"question": ..., "error": ...}` in JSON.

    Raises:
        QuestionError: at the end, if there was no question, or if some could not be answered.
        ArtefactError, ConfigError: see `RAGPipeline.query`; nothing can be answered.
    """
    asked = failed = 0
    for line in lines:
        question = line.strip().lstrip("\ufeff")  # which begins a file of some editors
        if not question:
            continue
        asked += 1
        if not as_json:
            if asked > 1:
                say()
            say(plain(f"? {question}"))
        try:
            answer = rag.query(question)
        except (QuestionError, ModelError, HttpError) as error:
            failed += 1
            if as_json:
                _write_json({"question": question, "error": str(error)})
            else:
                say(f"\n[red]{plain(f'error: {error}', lines=True)}[/red]")
            continue
        if as_json:
            _write_json(answer.to_dict())
        else:
            show(answer)
    if not asked:
        raise QuestionError("standard input has no question; write one in each line")
    if failed:
        raise QuestionError(f"{failed} of {asked} questions got no answer; the output says why")


def _write_json(record: Mapping[str, Any]) -> None:
    """One line, in ASCII: nothing is lost in any encoding, and nothing controls a terminal."""
    out.out(json.dumps(record), highlight=False)


def main(
    config: Config,
    question: str | None,
    certificate: str | None,
    where: str | None = None,
    as_json: bool = False,
) -> None:
    """Answer a question; without one, those of a pipe, or those that are typed in turn.

    Raises:
        ConfigError: `--certificate` lacks its file or its question, or `--where` its filter, or
            `--json` stands before a dialogue.
        QuestionError: see `run_lines`.
    """
    if certificate == "":
        raise ConfigError("--certificate needs a file; write --certificate FILE")
    if where == "":
        raise ConfigError('--where needs a filter; write e.g. --where "year >= 2015"')
    if where is not None:
        config.retriever.filter = where
    if question is not None:
        run(config, question, Path(certificate) if certificate else None, as_json)
        return
    if certificate is not None:
        raise ConfigError(
            f"--certificate {certificate} is for one answer, not for a dialogue; give a question: "
            f'python -m medrag.ask "QUESTION" --certificate {certificate}'
        )
    is_typed = sys.stdin.isatty()
    if is_typed and as_json:
        raise ConfigError(
            "--json is not for a dialogue; give a question, or a file of them: "
            "python -m medrag.ask --json < questions.txt"
        )
    with RAGPipeline(with_embedder_of_index(config)) as rag:
        if is_typed:
            converse(rag)
        else:
            run_lines(rag, sys.stdin, as_json)


def start(arguments: Sequence[str]) -> None:
    """Run the stage with the arguments of the shell."""
    certificate, rest = take_option(arguments, "--certificate")
    where, rest = take_option(rest, "--where")
    try:
        question, settings = split_question(rest)
    except ConfigError as error:
        fail(error)
    if "-h" in settings or "--help" in settings:
        print(HELP)
        finish_output()
        return
    as_json = _JSON in settings
    settings = ["--help" if one == "--help-all" else one for one in settings if one != _JSON]
    # A question is not a run worth keeping: one log for all, and no copy of the configuration.
    sys.argv[1:] = ["hydra.run.dir=${tracking.dir}/ask", "hydra.output_subdir=null", *settings]
    launch(lambda config: main(config, question, certificate, where, as_json), stopped="stopped")


if __name__ == "__main__":
    start(sys.argv[1:])
