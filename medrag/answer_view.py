"""What the terminal shows of an answer: its text, its sources, and why it is what it is."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from .grounding.calibration import Calibration
from .progress import results
from .terminal import plain
from .types import Answer, AnswerStatus, Citation, Flag, Hit

# Answers go to standard output, so that they can be piped; progress goes to standard error.
out = results(soft_wrap=not (sys.stdout and sys.stdout.isatty()))

# Flags of sources that are said before the answer, and in which words.
_DOUBTS = {
    Flag.retracted: "retracted",
    Flag.concern: "under an expression of concern",
    Flag.superseded: "superseded by a newer version",
    Flag.corrected: "corrected by a later notice",
    Flag.low_ocr_confidence: "a scan that was hard to read",
}
_STANCES = {"yes": "it says yes", "no": "it says no", "unclear": "neither yes nor no"}
# Names of signals that say too little.
_SIGNALS = {"logit of the first evidence": "what the reader model makes of the first evidence"}
# What the answer itself shows.
_PLAIN = (AnswerStatus.answered, AnswerStatus.abstained)
_NEAREST = 3  # documents that are named if there is no answer
_TELLING = 0.1  # of the logit: a signal that moves it less says nothing


def say(markup: str = "", by: int = 0, to: Console = out) -> None:
    """Print a text, wrapped at the width of the terminal and indented by some columns.

    No line ends in spaces, so that what is copied from a terminal has none. Piped text is not
    wrapped.
    """
    if to.soft_wrap:
        to.print(textwrap.indent(markup, by * " "))
        return
    for line in Text.from_markup(markup, emoji=False).wrap(to, max(to.width - by, 1)):
        line.rstrip()
        to.print(Text(by * " ").append_text(line) if line else "", soft_wrap=True)


def show(answer: Answer) -> None:
    """Print an answer with its sources and the exact text of each."""
    for source in answer.sources:
        if doubts := [words for flag, words in _DOUBTS.items() if flag in source.flags]:
            say(f"\n[red]Careful: source {source.marker} is {', '.join(doubts)}.[/red]")
    style = "yellow" if answer.abstained else "bold"
    say(f"\n[{style}]{plain(answer.answer, lines=True)}[/{style}]")
    status = "" if answer.status in _PLAIN else f" · {answer.status}"
    stance = f" · {_STANCES[answer.stance]}" if answer.stance else ""
    say(f"[dim]confidence {answer.confidence:.2f}{plain(status + stance)}[/dim]")
    if answer.missing:
        say(f"[yellow]not said: {plain(', '.join(answer.missing))}[/yellow]")
    for warning in answer.warnings:
        say(f"[yellow]{plain(warning)}[/yellow]")
    say()
    if answer.abstained and answer.hits:
        say(f"[dim]nearest documents: {plain(_nearest(answer.hits))}[/dim]")
    for source in answer.sources:
        _show_source(source)
    for other in answer.contradicting:
        says = plain(f"says otherwise than “{other.statement}”:")
        say(f"[red]{says}[/red] {plain(other.reason)}")
        _show_source(other.source)
    for sentence in answer.sentences:
        if not sentence.supported:
            removed = plain(f"removed ({sentence.reason}):")
            say(f"[yellow]{removed}[/yellow] {plain(sentence.text)}")
    if count := answer.stray_markers:
        one = "a marker of a passage that was not given"
        many = f"{count} markers of passages that were not given"
        say(f"[yellow]removed: {one if count == 1 else many}[/yellow]")


def show_hits(hits: Sequence[Hit]) -> None:
    """Print what was found, best first: the passages that the answer was taken from."""
    say()
    for number, hit in enumerate(hits, 1):
        scores = [f"score {hit.score:.3f}"]
        if hit.similarity is not None:
            scores.append(f"similarity {hit.similarity:.2f}")
        say(f"[cyan]{number}.[/cyan] [bold]{plain(hit.title or hit.document)}[/bold]")
        _show_place(hit, scores)


def show_reasons(
    answer: Answer,
    signals: Mapping[str, float],
    calibration: Calibration,
    threshold: float,
    setting: str,
) -> None:
    """Print why an answer is what it is: its statements, its confidence, and what it lacks.

    Args:
        answer: what would be answered whatever the confidence.
        signals: what its confidence is computed from.
        threshold: the confidence from which on it is shown.
        setting: the setting that the threshold comes from.
    """
    held_back = not answer.abstained and answer.confidence < threshold
    say()
    if held_back:
        say("[yellow]held back: the confidence is too low[/yellow]")
    elif answer.abstained:
        say(f"[yellow]no answer: {_why_none(answer)}[/yellow]")
        for warning in answer.warnings:
            say(f"[yellow]{plain(warning)}[/yellow]")
    if answer.sentences:
        say("would have said:" if held_back else "statements:")
    for sentence in answer.sentences:
        markers = "".join(f"[{marker}]" for marker in sentence.citations)
        say(plain(f"{sentence.text} {markers}".rstrip()), by=2)
        verdict = "supported" if sentence.supported else f"not supported: {sentence.reason}"
        say(f"[dim]support {sentence.support:.2f} {plain('·')} {plain(verdict)}[/dim]", by=4)
    if answer.missing:
        lacks = "would not say" if held_back else "does not say"
        say(f"{lacks}: {plain(', '.join(answer.missing))}")
    for other in answer.contradicting:
        where = plain(other.source.title or other.source.document)
        say(f"contradicted by {where}: {plain(other.reason)}")
    say(f"confidence {answer.confidence:.2f}; {threshold:.2f} is needed ({setting})")
    _show_signals(signals, calibration)


def _why_none(answer: Answer) -> str:
    if answer.sentences:
        return "nothing that was written is an answer that the passages support"
    return "no passage says what is asked" if answer.hits else "nothing was found"


def _show_signals(signals: Mapping[str, float], calibration: Calibration) -> None:
    """What raises the confidence and what lowers it, by how much each does."""
    if set(signals) != set(calibration.names):
        return  # nothing was written, so that half of them are unknown
    average = dict(zip(calibration.names, calibration.center, strict=True))
    shares = sorted(calibration.shares(signals).items(), key=lambda pair: -abs(pair[1]))
    for verb, sign in (("raised", 1), ("lowered", -1)):
        told = [(name, share) for name, share in shares if share * sign >= _TELLING]
        if told:
            say(f"  {verb} by:")
        for name, _ in told:
            words = plain(_SIGNALS.get(name, name))
            say(f"{words}: {signals[name]:.2f} [dim](mean {average[name]:.2f})[/dim]", by=4)


def _nearest(hits: Sequence[Hit]) -> str:
    """The best documents by their titles, each with what is known against it."""
    flags: dict[str, dict[str, None]] = {}
    for hit in hits:
        flags.setdefault(hit.title or hit.document, {}).update(dict.fromkeys(hit.flags))
    named = [f"{name} ({', '.join(known)})" if known else name for name, known in flags.items()]
    return "; ".join(named[:_NEAREST])


def _show_source(source: Citation) -> None:
    say(f"[cyan]\\[{source.marker}][/cyan] [bold]{plain(source.title)}[/bold]")
    say(plain(f"“{source.text}”", lines=True), by=4)
    _show_place(source, [])


def _show_place(found: Hit | Citation, before: Sequence[str]) -> None:
    """Where something stands, what kind of evidence it is, and what is known against it."""
    place = [*before, found.document]
    if found.page is not None:
        place.append(f"page {found.page}")
    if found.section:
        place.append(found.section)
    place.append(f"characters {found.start}–{found.end}")
    if found.evidence:
        place.append(found.evidence)
    say(f"[dim]{plain(' · '.join(place))}[/dim]", by=4)
    if found.url:  # in one piece, so that it can be clicked
        out.print(f"    [dim]{plain(found.url)}[/dim]", soft_wrap=True)
    if found.duplicates:
        say(f"[dim]also in {plain(', '.join(found.duplicates))}[/dim]", by=4)
    if found.flags:
        say(f"[yellow]{plain(', '.join(found.flags))}[/yellow]", by=4)
