"""Ask the index: `medrag ask "QUESTION"`, or without one for questions in turn."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from .answer_view import show
from .certificates import certify, write
from .cli import OPTIONS, OPTIONS_WITH_VALUE, fail, launch, sets, take_option
from .config import Config
from .dialogue import converse
from .errors import ConfigError
from .indexing import with_embedder_of_index
from .pipeline import RAGPipeline
from .progress import console
from .terminal import finish_output
from .types import Answer

HELP = """\
medrag ask "QUESTION" [NAME=VALUE ...]  one answer, with its sources
medrag ask [NAME=VALUE ...]             questions in turn, with follow-ups

  medrag ask "What is the maximum dose of metformin?"
  medrag ask "Is aspirin safe in pregnancy?" --where "year >= 2015"
  medrag ask "What is gout?" --certificate gout.json
  medrag ask < questions.txt > answers.txt

Options:
  --where FILTER      search only documents that pass, as in
                      "year >= 2015 and journal = Lancet*"
  --certificate FILE  also write what the answer rests on, for medrag verify
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
        elif name in _OPTIONS:
            settings.append(argument)
            if argument in OPTIONS_WITH_VALUE:
                settings, rest = [*settings, *rest[:1]], rest[1:]
        elif _OPTION.fullmatch(argument):
            near = difflib.get_close_matches(name, _OPTIONS, n=1)
            meant = f"did you mean {near[0]}? " if near else ""
            raise ConfigError(
                f"unknown option {argument}; {meant}--help shows them; put a question that begins "
                "with a dash after --"
            )
        else:
            (settings if sets(argument) else words).append(argument)
    return (" ".join(words) if words else None), settings


def run(config: Config, question: str, certificate: Path | None = None) -> Answer:
    """Print the answer to one question, and write its certificate if a file is named for it.

    Raises:
        QuestionError, ArtefactError, ModelError, HttpError: see `RAGPipeline.query`.
        DiskError: the certificate cannot be written.
    """
    with RAGPipeline(with_embedder_of_index(config)) as rag:
        answer = rag.query(question)
        if certificate is not None:
            write(certificate, certify(rag, answer))  # first: who reads the answer may go early
        show(answer)
        if certificate is not None:
            console.print(f"certificate in {certificate}", markup=False, soft_wrap=True)
    return answer


def main(
    config: Config, question: str | None, certificate: str | None, where: str | None = None
) -> None:
    """Answer a question, or start a dialogue if there is none.

    Raises:
        ConfigError: `--certificate` lacks its file or its question, or `--where` its filter.
    """
    if certificate == "":
        raise ConfigError("--certificate needs a file; write --certificate FILE")
    if where == "":
        raise ConfigError('--where needs a filter; write e.g. --where "year >= 2015"')
    if where is not None:
        config.retriever.filter = where
    if question is not None:
        run(config, question, Path(certificate) if certificate else None)
    elif certificate is None:
        with RAGPipeline(with_embedder_of_index(config)) as rag:
            converse(rag)
    else:
        raise ConfigError(
            f"--certificate {certificate} is for one answer, not for a dialogue; give a question: "
            f'python -m medrag.ask "QUESTION" --certificate {certificate}'
        )


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
    settings = ["--help" if one == "--help-all" else one for one in settings]
    # A question is not a run worth keeping: one log for all, and no copy of the configuration.
    sys.argv[1:] = ["hydra.run.dir=${tracking.dir}/ask", "hydra.output_subdir=null", *settings]
    launch(lambda config: main(config, question, certificate, where), stopped="stopped")


if __name__ == "__main__":
    start(sys.argv[1:])
