"""Ask the index: `python -m medrag.ask "QUESTION"`, or without one for questions in turn."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from .certificates import certify, write
from .cli import launch, split_words, take_option
from .config import Config
from .errors import ConfigError, QuestionError
from .indexing import with_embedder_of_index
from .pipeline import RAGPipeline
from .progress import console
from .types import Answer, AnswerStatus, Citation, Flag

# Answers go to standard output, so that they can be piped; progress goes to standard error.
_out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())

# Flags of sources that are said before the answer, and in which words.
_DOUBTS = {
    Flag.concern: "under an expression of concern",
    Flag.superseded: "superseded by a newer version",
    Flag.corrected: "corrected by a later notice",
    Flag.low_ocr_confidence: "a scan that was hard to read",
}
_STANCES = {"yes": "it says yes", "no": "it says no", "unclear": "neither yes nor no"}
# What the answer itself shows.
_PLAIN = (AnswerStatus.answered, AnswerStatus.abstained)


def show(answer: Answer) -> None:
    """Print an answer with its sources and the exact text of each."""
    for source in answer.sources:
        if doubts := [words for flag, words in _DOUBTS.items() if flag in source.flags]:
            _out.print(f"\n[red]Careful: source {source.marker} is {', '.join(doubts)}.[/red]")
    style = "yellow" if answer.abstained else "bold"
    _out.print(f"\n[{style}]{escape(answer.answer)}[/{style}]")
    status = "" if answer.status in _PLAIN else f" · {answer.status}"
    stance = f" · {_STANCES[answer.stance]}" if answer.stance else ""
    _out.print(f"[dim]confidence {answer.confidence:.2f}{status}{stance}[/dim]")
    if answer.missing:
        _out.print(f"[yellow]not said: {escape(', '.join(answer.missing))}[/yellow]")
    for warning in answer.warnings:
        _out.print(f"[yellow]{escape(warning)}[/yellow]")
    _out.print()
    if answer.abstained and answer.hits:
        nearest = list(dict.fromkeys(hit.title or hit.document for hit in answer.hits))[:3]
        _out.print(f"[dim]nearest documents: {escape('; '.join(nearest))}[/dim]\n")
    for source in answer.sources:
        _show_source(source)
    for other in answer.contradicting:
        _out.print(
            f"[red]says otherwise than “{escape(other.statement)}”:[/red] {escape(other.reason)}"
        )
        _show_source(other.source)
    for sentence in answer.sentences:
        if not sentence.supported:
            _out.print(
                f"[yellow]removed ({escape(sentence.reason)}):[/yellow] {escape(sentence.text)}"
            )
    if count := answer.stray_markers:
        one = "a marker of a passage that was not given"
        many = f"{count} markers of passages that were not given"
        _out.print(f"[yellow]removed: {one if count == 1 else many}[/yellow]")


def _show_source(source: Citation) -> None:
    place = [source.document]
    if source.page is not None:
        place.append(f"page {source.page}")
    if source.section:
        place.append(source.section)
    place.append(f"characters {source.start}–{source.end}")
    _out.print(f"[cyan]\\[{source.marker}][/cyan] [bold]{escape(source.title)}[/bold]")
    _indented(escape(f"“{source.text}”"))
    _indented(f"[dim]{escape(' · '.join(place))}[/dim]")
    if source.flags:
        _indented(f"[yellow]{escape(', '.join(source.flags))}[/yellow]")


def _indented(text: str) -> None:
    # Padding wraps at the terminal's width; piped output is not wrapped.
    _out.print(f"    {text}" if _out.soft_wrap else Padding(text, (0, 0, 0, 4)))


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


def converse(config: Config) -> None:
    """Answer questions until an empty line or the end of the input."""
    with RAGPipeline(with_embedder_of_index(config)) as rag:
        _out.print(
            f"{rag.index.counts.documents:,} documents in {rag.index.location}. Ask a question, or "
            "enter an empty line to quit. Not medical advice."
        )
        while True:
            try:
                question = input("\n? ") if sys.stdin.isatty() else sys.stdin.readline()
            except (EOFError, KeyboardInterrupt):
                break
            if not question.strip():
                break
            try:
                show(rag.query(question))
            except QuestionError as error:
                _out.print(f"[red]{escape(str(error))}[/red]")


def split_question(arguments: list[str]) -> tuple[str | None, list[str]]:
    """Separate the question from Hydra's overrides: its words are the arguments that set nothing.

    Returns:
        The question, or None if there is none, and the other arguments.
    """
    words, settings = split_words(arguments)
    return (" ".join(words) if words else None), settings


def main(config: Config, question: str | None, certificate: str | None) -> None:
    """Answer a question, or start a dialogue if there is none.

    Raises:
        ConfigError: `--certificate` lacks its file or its question.
    """
    if certificate == "":
        raise ConfigError("--certificate needs a file; write --certificate FILE")
    if question is not None:
        run(config, question, Path(certificate) if certificate else None)
    elif certificate is None:
        converse(config)
    else:
        raise ConfigError(
            f"--certificate {certificate} is for one answer, not for a dialogue; give a question: "
            f'python -m medrag.ask "QUESTION" --certificate {certificate}'
        )


if __name__ == "__main__":
    certificate, rest = take_option(sys.argv[1:], "--certificate")
    question, settings = split_question(rest)
    # A question is not a run worth keeping: one log for all, and no copy of the configuration.
    sys.argv[1:] = ["hydra.run.dir=${tracking.dir}/ask", "hydra.output_subdir=null", *settings]
    launch(lambda config: main(config, question, certificate))
