"""Ask the index: `python -m medrag.ask "QUESTION"`, or without one for questions in turn."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from .cli import launch, split_options
from .config import Config
from .errors import QuestionError
from .pipeline import RAGPipeline
from .types import Answer, Flag

# Answers go to standard output, so that they can be piped; progress goes to standard error.
_out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())

# Flags of sources that are said before the answer, and in which words.
_DOUBTS = {
    Flag.retracted: "retracted",
    Flag.concern: "under an expression of concern",
    Flag.superseded: "superseded by a newer version",
    Flag.corrected: "corrected by a later notice",
    Flag.low_ocr_confidence: "a scan that was hard to read",
}


def show(answer: Answer) -> None:
    """Print an answer with its sources and the exact text of each."""
    for source in answer.sources:
        if doubts := [words for flag, words in _DOUBTS.items() if flag in source.flags]:
            _out.print(f"\n[red]Careful: source {source.marker} is {', '.join(doubts)}.[/red]")
    style = "yellow" if answer.abstained else "bold"
    _out.print(f"\n[{style}]{escape(answer.answer)}[/{style}]")
    _out.print(f"[dim]confidence {answer.confidence:.2f}[/dim]\n")
    if answer.abstained and answer.hits:
        nearest = list(dict.fromkeys(hit.title or hit.document for hit in answer.hits))[:3]
        _out.print(f"[dim]nearest documents: {escape('; '.join(nearest))}[/dim]\n")
    for source in answer.sources:
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
    for sentence in answer.sentences:
        if not sentence.supported:
            _out.print(
                f"[yellow]removed ({escape(sentence.reason)}):[/yellow] {escape(sentence.text)}"
            )
    if count := answer.stray_markers:
        one = "a marker of a passage that was not given"
        many = f"{count} markers of passages that were not given"
        _out.print(f"[yellow]removed: {one if count == 1 else many}[/yellow]")


def _indented(text: str) -> None:
    # Padding wraps at the terminal's width; piped output is not wrapped.
    _out.print(f"    {text}" if _out.soft_wrap else Padding(text, (0, 0, 0, 4)))


def run(config: Config, question: str) -> Answer:
    """Answer one question.

    Raises:
        QuestionError, ArtefactError, ModelError, HttpError: see `RAGPipeline.query`.
    """
    with RAGPipeline(config) as rag:
        return rag.query(question)


def converse(config: Config) -> None:
    """Answer questions until an empty line or the end of the input."""
    with RAGPipeline(config) as rag:
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
    settings, others = split_options(arguments)
    words: list[str] = []
    for argument in others:
        name = argument.partition("=")[0].lstrip("+~")
        plain = name.replace(".", "").replace("_", "").replace("/", "")
        (settings if "=" in argument and plain.isalnum() else words).append(argument)
    return (" ".join(words) if words else None), settings


if __name__ == "__main__":
    asked, settings = split_question(sys.argv[1:])
    # A question is not a run worth keeping: one log for all, and no copy of the configuration.
    sys.argv[1:] = ["hydra.run.dir=${tracking.dir}/ask", "hydra.output_subdir=null", *settings]
    launch(lambda config: converse(config) if asked is None else show(run(config, asked)))
