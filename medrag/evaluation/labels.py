"""What a summary's measures are called in words, and how its figures are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from ..statistics import NOTHING, Figure
from .records import Blame, Record

Summary = Mapping[str, Any]  # the content of metrics.json

SAMPLES = "medrag's own samples: says little about other corpora"

# The terminal has room for labels of 27 characters.
_MEASURES = {
    "retrieval/mrr": ("MRR", "1 / rank of the first document that answers"),
    "retrieval/ndcg@10": ("nDCG@10", "how far up the documents that answer are"),
    "answers/right": ("right answers", "of the answerable questions; a refusal is not right"),
    "answers/coverage": ("answered", "of all questions"),
    "answers/right_when_answered": (
        "right, of those answered",
        "an answer to a question that no document answers is wrong",
    ),
    "answers/score": ("share of what was wanted", "how much of the right answer is given"),
    "answers/yes_no": ("yes or no, right", "of the yes/no questions"),
    "answers/exact": ("exact answer named", "of the questions for one thing"),
    "answers/items_recall": ("list items named", "of the questions for several things"),
    "answers/items_f1": ("list items, F1", "things that were not wanted count against it"),
    "answers/nugget_recall": ("nuggets given", "share of the wanted facts"),
    "answers/token_f1": ("token F1", "words shared with the reference; 0 for a refusal"),
    "answers/rouge_l": ("ROUGE-L", "longest common subsequence with the reference"),
    "citations/precision": ("citations that support", "partial support counts half"),
    "citations/recall": ("statements with a source", "each by its best citation"),
    "citations/supported": ("statements supported", "the others were removed, or are marked"),
    "citations/resolved": ("citations quoted exactly", "the span stands in its document as cited"),
    "citations/contradicted": ("answers contradicted", "a passage says otherwise"),
    "abstention/recall": ("unanswerable, refused", "of the questions that no document answers"),
    "abstention/precision": ("refusals that were right", "no document answers the question"),
    "abstention/ece": ("calibration error", "how far the confidence is from the share right"),
    "abstention/aurc": ("area under risk–coverage", "0 is perfect"),
    "abstention/aurc_excess": ("… above the best order", "what a better confidence could save"),
    "abstention/coverage_at_5": ("answered at 5 % wrong", "with the best threshold for it"),
    "abstention/coverage_at_10": ("answered at 10 % wrong", "with the best threshold for it"),
}
_COUNTS = frozenset({"questions"})
_NOT_MEASURES = frozenset({"latency", "blame"})
_NARROW = 0.04  # width of an interval below which whole percents say too little


@dataclass(frozen=True, slots=True)
class Row:
    """One measure: a figure for each system, in the order of the summary."""

    name: str
    label: str
    help: str
    figures: tuple[Figure, ...]

    @property
    def is_count(self) -> bool:
        """Whether the figures are numbers of questions, not shares."""
        return self.name in _COUNTS

    @property
    def n(self) -> str:
        """How many values each figure is made of: "65", or "≥58" if that differs."""
        counts = [figure.n for figure in self.figures if figure.value is not None]
        if self.is_count or not counts:
            return ""
        return f"{min(counts)}" if min(counts) == max(counts) else f"≥{min(counts)}"


def sections(summary: Summary) -> Iterator[tuple[str, list[Row]]]:
    """The measures by section, also those without a label, which keep their name."""
    systems = list(summary["systems"].values())
    for section in union(systems):
        parts = [system.get(section) for system in systems]
        if section in _NOT_MEASURES or not any(isinstance(part, Mapping) for part in parts):
            continue
        given = [part if isinstance(part, Mapping) else {} for part in parts]
        rows = [
            Row(
                name,
                *describe(f"{section}/{name}"),
                tuple(as_figure(part.get(name)) for part in given),
            )
            for name in sorted(union(given), key=lambda name: _place(f"{section}/{name}"))
        ]
        yield section, rows


def describe(measure: str) -> tuple[str, str]:
    """Label and explanation of a measure ("answers/right"); one without keeps its name."""
    return _MEASURES.get(measure, (measure.partition("/")[2] or measure, ""))


def _place(measure: str) -> int:
    """Where a measure is shown: recall first, then as listed above, the others last."""
    if "/recall@" in measure:
        return -1
    return [*_MEASURES].index(measure) if measure in _MEASURES else len(_MEASURES)


def as_figure(value: Any) -> Figure:
    """A figure of a summary; a bare number has no interval."""
    if isinstance(value, Mapping):
        low, high = value.get("low"), value.get("high")
        return Figure(value.get("value"), low, high, value.get("n") or 0)
    if isinstance(value, int | float):
        return Figure(float(value), None, None, 0)
    return NOTHING


def hundredfold(value: float | None) -> str:
    """A share in percent, without the sign: "72.3"; a dash if there is none."""
    return "–" if value is None else f"{100 * value:.1f}"


def interval(figure: Figure) -> str:
    """The bounds of a figure in percent: "61–83", or "" if it has none."""
    if figure.value is None or figure.low is None or figure.high is None:
        return ""
    digits = 1 if 0 < figure.high - figure.low < _NARROW else 0
    return f"{100 * figure.low:.{digits}f}–{100 * figure.high:.{digits}f}"


def signed(value: float) -> str:
    """A difference in percentage points: "+4.2", "−1.0"."""
    points = round(100 * value, 1)
    return f"{points:+.1f}".replace("-", "−") if points else "0.0"


def excludes_zero(difference: Mapping[str, float]) -> bool:
    """Whether a paired difference has the same sign over its whole interval."""
    return difference["low"] > 0 or difference["high"] < 0


def compared(summary: Summary) -> dict[str, Mapping[str, Any]]:
    """The further systems, with their differences to the first one by measure."""
    given = summary.get("differences", {})
    return {name: given[name] for name in summary["systems"] if given.get(name)}


def milliseconds(value: float | None) -> str:
    """A duration with as many digits as mean something: "3.7", "1,250"."""
    return "–" if value is None else f"{value:,.{1 if value < 10 else 0}f}"


def blames(summary: Summary) -> list[str]:
    """Every kind of failure that occurs, the most frequent first."""
    total: dict[str, int] = {}
    for system in summary["systems"].values():
        for name, count in system.get("blame", {}).items():
            if name and count:
                total[name] = total.get(name, 0) + count
    return sorted(total, key=lambda name: -total[name])


def verdict(record: Record) -> str:
    """Whether a question was dealt with as it should be: "right", "wrong" or "unknown".

    To refuse a question that no document answers is right, to refuse any other one is wrong.
    """
    if record.blame != Blame.none:
        return "wrong"
    if record.right is None or record.answerable is None:
        return "unknown"
    return "right"


def outcome(record: Record) -> str:
    """The verdict in words, with what was done: "wrong", "refused, rightly"."""
    judged_as = verdict(record)
    if record.shown:
        return "not judged" if judged_as == "unknown" else judged_as
    if judged_as == "right":
        return "refused, rightly"
    return "refused, though right" if record.blame == Blame.wrongly_refused else "refused"


def asked(summary: Summary) -> str:
    """How many questions there are: "82 questions: 65 answerable, 17 unanswerable"."""
    counts = summary["questions"]
    kinds = [
        f"{counts[kind]:,} {words}"
        for kind, words in (
            ("answerable", "answerable"),
            ("unanswerable", "unanswerable"),
            ("unknown", "not known to be either"),
        )
        if counts.get(kind)
    ]
    return plural(counts["all"], "question") + (f": {', '.join(kinds)}" if kinds else "")


def plural(count: int, noun: str) -> str:
    """ "1 question", "1,200 questions"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def changed(against: Mapping[str, Any]) -> str:
    """How many answers differ from those of another run: "3 of 82 answers changed …"."""
    if not against["asked"]:
        return (
            f"Nothing to compare: the {against['kind']} in {against['directory']} has no question "
            "of this run"
        )
    return (
        f"{against['changed']:,} of {plural(against['asked'], 'answer')} changed, compared with "
        f"the {against['kind']} in {against['directory']}"
    )


def judged(summary: Summary) -> str:
    """By what answers were judged, and how often: "reference 62 · no document answers 17"."""
    counts = summary.get("judged_by", {}).items()
    return " · ".join(f"{basis or 'not judged'} {count:,}" for basis, count in counts if count)


def notes(summary: Summary) -> list[str]:
    """What was left out of the figures, and what to know before relying on them."""
    found = []
    if summary.get("samples"):
        found.append(SAMPLES)
    if count := summary.get("calibrated_on"):
        found.append(f"the confidence was fitted on {plural(count, 'other question')} of the set")
    if calibration := summary.get("unlike"):
        found.append(
            f"the questions are unlike those that the confidence was calibrated on ({calibration})"
            + ("" if summary.get("calibrated_on") else ": try evaluation.calibrate=true")
        )
    if count := summary.get("lines_rejected"):
        why = "; ".join(summary.get("rejected", ())[:3])
        found.append(
            f"left out, unreadable: {plural(count, 'line')} of the question file"
            + (f" ({why}{'; …' if count > 3 else ''})" if why else "")
        )
    if count := summary.get("left_out_seen_in_training"):
        found.append(f"left out, as a model was trained on them: {plural(count, 'question')}")
    if shared := summary.get("shared_documents"):
        named = ", ".join(shared[:3]) + ("…" if len(shared) > 3 else "")
        found.append(f"also used in training: {plural(len(shared), 'document')} ({named})")
    if majority := summary.get("majority"):
        found.append(
            f'always "{majority["answer"]}" gets {100 * majority["share"]:.1f} % of the yes/no '
            "questions right"
        )
    return found


def title_of(summary: Summary) -> str:
    """The name of the question set."""
    return PurePath(summary["questions_file"]).name


def union(parts: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names in all of them, each once."""
    return list(dict.fromkeys(name for part in parts for name in part))
