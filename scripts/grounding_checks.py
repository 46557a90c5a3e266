"""The support checks that are compared, and how well one does on a set of pairs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise

from medrag.clients import AsyncHttpClient, EventLoopThread, bearer
from medrag.config import GroundingConfig
from medrag.errors import HttpError
from medrag.grounding import SupportCheck
from medrag.grounding.spans import sentence_spans
from medrag.text.words import terms, words

AT_ONCE = 8  # requests to an endpoint
PROMPT = """Source: {title}
{section}
{source}

Statement: {statement}

Does the source say all that the statement says? Numbers, units, negation, direction, who and what,
conditions and certainty must agree. Answer with one word, yes or no."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A statement and its source; `supported` tells whether the source bears it out."""

    title: str
    section: str
    source: str
    statement: str
    supported: bool
    kind: str


Check = Callable[[Pair], bool]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a check said about each pair, and the seconds that each took."""

    supported: list[bool]
    seconds: list[float]


def overlap_check(pair: Pair, min_score: float = 0.5) -> bool:
    """The check that medrag began with.

    The statement's terms must be in the best sentence or pair of sentences, its title or section,
    with all its numbers, and both or neither negated.
    """
    statement, source = pair.statement, pair.source
    spans = sentence_spans(source)
    if any(source[start:end] == statement for start, end in spans):
        return True
    wanted = set(terms(statement))
    under = f"{pair.title} {pair.section}"
    heading = set(terms(under))
    numbers = _numbers(statement, named=set(pairwise(words(under))))
    denies = _denies(statement)
    alike = [(a, b) for a, b in spans if _denies(source[a:b]) == denies]
    pairs = [(a[0], b[1]) for a, b in pairwise(spans) if a in alike and b in alike]
    best = 0.0
    for start, end in [*alike, *pairs]:
        text = source[start:end]
        held = wanted.intersection(terms(text))
        if held and numbers <= _numbers(text):
            best = max(best, len(held | (wanted & heading)) / len(wanted))
    return best > 0.0 and best >= min_score


def _numbers(text: str, named: Collection[tuple[str, str]] = ()) -> set[str]:
    return {
        number
        for before, word in pairwise(["", *words(text)])
        if (before, word) not in named
        for number in re.findall(r"\d+(?:[.,]\d+)*", word)
    }


def _denies(text: str) -> bool:
    negation = r"\b(?:no|not|nor|never|neither|none|cannot|without)\b|n['’]t\b"
    return re.search(negation, text, re.I) is not None


def support_check(check: SupportCheck) -> Check:
    """A check of medrag: `check_support`, or an `EntailmentVerifier` with the rules before it."""
    least = GroundingConfig().min_support

    def judge_pair(pair: Pair) -> bool:
        return check(
            pair.statement, pair.source, title=pair.title, section=pair.section, min_score=least
        ).supported

    return judge_pair


class Endpoint:
    """Asks a chat model whether the source says it; anything but a plain yes is a no."""

    def __init__(self, url: str, model: str) -> None:
        self._url, self._model = url.rstrip("/") + "/chat/completions", model
        self._http = AsyncHttpClient(AT_ONCE, deadline_s=300.0, timeout_s=120.0)
        self._loop = EventLoopThread()
        self.unclear: list[str] = []  # replies

    def __call__(self, pair: Pair) -> bool:
        content = PROMPT.format(**asdict(pair))
        payload = {
            "model": self._model,
            "messages": [{"role": "user", "content": content}],
            "temperature": 0,
            "max_tokens": 2048,  # some models think first
        }
        headers = bearer("OPENAI_API_KEY")
        call = self._http.post_json(self._url, payload, headers=headers, retry=True)
        reply = self._loop.run(call)
        try:
            said = str(reply["choices"][0]["message"]["content"] or "")
        except (LookupError, TypeError) as error:
            raise HttpError(
                f"{self._url} sent no chat completion; is it an OpenAI-compatible endpoint?"
            ) from error
        verdict = re.match(r"\W*(yes|no)\b", said.rpartition("</think>")[2], re.I)
        if not verdict:
            self.unclear.append(said)
        return verdict is not None and verdict[1].lower() == "yes"

    def close(self) -> None:
        self._loop.close(self._http.close)


def judge(check: Check, pairs: Sequence[Pair], at_once: int = 1) -> Verdicts:
    """Ask a check about all pairs, `at_once` of them at a time."""

    def timed(pair: Pair) -> tuple[bool, float]:
        started = time.perf_counter()
        return check(pair), time.perf_counter() - started

    if at_once == 1:
        check(pairs[0])  # what loads at first use is not part of a check
    with ThreadPoolExecutor(at_once) as pool:
        verdicts = list(pool.map(timed, pairs))
    return Verdicts([said for said, _ in verdicts], [seconds for _, seconds in verdicts])
