"""What an index still bears out of a certificate. No model is asked."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache, partial

from .certificates import Certificate, Source, text_sha256
from .config import GroundingConfig
from .generation.prompts import without_markers
from .grounding import Grounded, ground
from .stores import IndexReader
from .types import AnswerSentence, Citation, Flag, Hit, Statement


class Verdict(StrEnum):
    """What became of one thing that a certificate says."""

    holds = "holds"
    broken = "does not hold"
    unknown = "cannot be checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked, and why the verdict is what it is."""

    subject: str
    verdict: Verdict
    reason: str


_Judged = tuple[Verdict, str]


def check(certificate: Certificate, index: IndexReader | None) -> list[Finding]:
    """Compare what a certificate says with what an index holds now.

    Documents, flags, cited spans, statements and retrieved passages, in this order. A statement is
    checked against the chunk around each span that it cites, as when the answer was given.

    Args:
        index: None if it cannot be used; then nothing can be checked.

    Raises:
        ArtefactError: the index is damaged.
    """
    if index is None:
        gone = Verdict.unknown, "the index cannot be used"
        return [Finding(subject, *gone) for subject, _ in _everything(certificate)]
    now = _Now(index)
    return [Finding(subject, *judge(now)) for subject, judge in _everything(certificate)]


def retracted(certificate: Certificate, index: IndexReader | None) -> Iterator[str]:
    """A sentence for each source that is retracted, as the index says, or else the certificate.

    Raises:
        ArtefactError: the index is damaged.
    """
    now = None if index is None else _Now(index)
    for document, cited in _by_document(certificate).items():
        then = {flag for source in cited for flag in source.flags}
        flags = now.flags(cited) if now else None
        if Flag.retracted in (then if flags is None else flags):
            known = "was retracted already when the answer was given"
            said = known if Flag.retracted in then else "has been retracted since"
            yield f"Careful: {document}, cited as {_markers(cited)}, {said}."


def _everything(
    certificate: Certificate,
) -> Iterable[tuple[str, Callable[[_Now], _Judged]]]:
    """Each thing to check, with its name."""
    for document, cited in _by_document(certificate).items():
        yield f"document {document}", partial(_document, cited)
        yield f"flags of {document}", partial(_flags, cited)
    for source in certificate.all_sources:
        yield f"source [{source.marker}]", partial(_source, source)
    kept = [one for one in certificate.statements if one.supported]
    for number, sentence in enumerate(kept, 1):
        yield f"statement {number}", partial(_statement, certificate, sentence)
    if certificate.hits:
        yield "passages found", partial(_passages, certificate)


class _Now:
    """What an index holds now where a certificate names something."""

    def __init__(self, index: IndexReader) -> None:
        self._index = index
        self.text = lru_cache(maxsize=16)(index.document_text)

    def place(self, source: Source) -> int | None:
        """Where the span of a source stands; the nearest place if there are several."""
        text, span = self.text(source.document) or "", source.text
        before, after = text.rfind(span, 0, source.start + len(span)), text.find(span, source.start)
        places = [place for place in (before, after) if place >= 0 and span]
        return min(places, key=lambda place: abs(place - source.start), default=None)

    def passage(self, source: Source) -> Hit | None:
        """The chunks that hold a span, as one; if it is gone, those that stand in its place."""
        text = self.text(source.document)
        chunks = self._index.document_chunk_ids(source.document)
        if not text or not chunks:
            return None

        def start_of(chunk: int) -> int:
            return self._index.hits([chunk])[chunk].start

        place = self.place(source)
        start = min(source.start, len(text) - 1) if place is None else place
        first = max(0, bisect_right(chunks, start, key=start_of) - 1)
        stop = bisect_left(chunks, start + len(source.text), lo=first + 1, key=start_of)
        found = self._index.hits(chunks[first:stop])
        hits = [found[chunk] for chunk in chunks[first:stop]]
        flags = dict.fromkeys(flag for hit in hits for flag in hit.flags)
        whole = text[hits[0].start : hits[-1].end]
        return replace(hits[0], text=whole, end=hits[-1].end, flags=tuple(flags))

    def is_in(self, citation: Citation, sources: Sequence[Source]) -> bool:
        """Whether a span of the index overlaps one of the sources where they stand now."""
        return any(
            citation.document == source.document
            and (place := self.place(source)) is not None
            and place < citation.end
            and citation.start < place + len(source.text)
            for source in sources
        )

    def flags(self, sources: Sequence[Source]) -> set[str] | None:
        """The flags of the cited passages of one document; None if it is gone."""
        found = [passage.flags for one in sources if (passage := self.passage(one))]
        return {flag for flags in found for flag in flags} if found else None


def _document(sources: Sequence[Source], now: _Now) -> _Judged:
    text = now.text(sources[0].document)
    if text is None:
        return Verdict.broken, "it is no longer in the index"
    if {source.document_sha256 for source in sources} != {text_sha256(text)}:
        return Verdict.broken, "its text has changed"
    return Verdict.holds, "its text is unchanged"


def _flags(sources: Sequence[Source], now: _Now) -> _Judged:
    then, flags = {flag for source in sources for flag in source.flags}, now.flags(sources)
    if flags is None:
        return Verdict.unknown, "the document is gone"
    if flags == then:
        return Verdict.holds, f"{', '.join(sorted(flags)) or 'none'}, as before"
    changes = (("now", flags - then), ("no longer", then - flags))
    said = [f"{word} {', '.join(sorted(some))}" for word, some in changes if some]
    return Verdict.broken, "; ".join(said)


def _source(source: Source, now: _Now) -> _Judged:
    text, place, size = now.text(source.document), now.place(source), len(source.text)
    was = f"characters {source.start}–{source.end}"
    if text is None:
        return Verdict.broken, "it is gone with its document"
    if text_sha256(source.text) != source.sha256:
        return Verdict.broken, "its text and its hash in the certificate differ"
    if place is None:
        return Verdict.broken, f"its document no longer says it; it was at {was}"
    if (place, place + size) != (source.start, source.end):
        return Verdict.broken, f"it has moved to characters {place}–{place + size} from {was}"
    return Verdict.holds, f"it stands at {was}"


def _statement(certificate: Certificate, sentence: AnswerSentence, now: _Now) -> _Judged:
    sources = {source.marker: source for source in certificate.sources}
    if stray := [marker for marker in sentence.citations if marker not in sources]:
        return Verdict.broken, f"it cites [{stray[0]}], which is not in the certificate"
    cited = [sources[marker] for marker in sentence.citations]
    found = [(source, passage) for source in cited if (passage := now.passage(source))]
    if not found:
        return Verdict.broken, "its sources are gone" if cited else "it cites nothing"
    grounding = certificate.settings.grounding
    around = {(passage.document, passage.start): passage for _, passage in found}
    grounded = _grounded(sentence, around.values(), grounding)
    (judged,) = grounded.sentences
    quoted = any(sentence.text == without_markers(source.text) for source in cited)
    if grounding.verifier and judged.support > 0 and not quoted:
        return Verdict.unknown, "an entailment model judged it, which is not asked here"
    if not judged.supported:
        return Verdict.broken, judged.reason
    if lost := [source for source in cited if now.place(source) is None]:
        return Verdict.holds, f"still supported, but not in the words of {_markers(lost)}"
    if not any(now.is_in(one, cited) for one in grounded.citations):
        alone = [replace(passage, text=source.text) for source, passage in found]
        if not _grounded(sentence, alone, grounding).citations:
            return Verdict.broken, f"another sentence than {_markers(cited)} says it"
    return Verdict.holds, f"supported by {_markers(cited)}"


def _grounded(
    sentence: AnswerSentence, passages: Iterable[Hit], grounding: GroundingConfig
) -> Grounded:
    return ground([Statement(sentence.text, cited=())], [*passages], grounding.min_support)


def _passages(certificate: Certificate, now: _Now) -> _Judged:
    changed = [
        hit.document
        for hit in certificate.hits
        if text_sha256((now.text(hit.document) or "")[hit.start : hit.end]) != hit.sha256
    ]
    total = len(certificate.hits)
    if changed:
        names = ", ".join(dict.fromkeys(changed))
        return Verdict.broken, f"{len(changed)} of {total} are not there any more: {names}"
    return Verdict.holds, f"all {total} stand where they were"


def _by_document(certificate: Certificate) -> dict[str, list[Source]]:
    found: dict[str, list[Source]] = {}
    for source in certificate.all_sources:
        found.setdefault(source.document, []).append(source)
    return found


def _markers(sources: Iterable[Source]) -> str:
    return " ".join(f"[{source.marker}]" for source in sources)
