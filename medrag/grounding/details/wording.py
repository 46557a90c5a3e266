"""How a detail is described: the words that ask for it, and the words that give it."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of detail.

    Attributes:
        asked: how a question asks for it; the last group that matches is what it is called.
        said: a pattern, how a text gives it.
        beside: a pattern or "": what a text must have for it to be missing. A starting dose is not
            the usual one, but a dose of no particular kind is.
        implied: a bare reply such as "Two points." gives it by being the answer.
    """

    asked: re.Pattern[str]
    said: str
    beside: str
    implied: bool

    def is_given(self, text: str) -> bool:
        """Whether a text gives it, or has nothing that tells it is missing."""
        return bool(_pattern(self.said).search(text)) or bool(
            self.beside and not _pattern(self.beside).search(text)
        )


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """A pattern, compiled when it is needed: few of them are, and all of them take a while."""
    return re.compile(text, re.I)


def kind(asked: str, said: str, beside: str = "", *, implied: bool = True) -> Kind:
    """A kind of detail, by patterns; see `Kind`."""
    return Kind(re.compile(asked, re.I), said, beside, implied)


def figure(asked: str, said: str) -> Kind:
    """A detail with a form of its own, such as a year, which a bare reply must have too."""
    return kind(asked, said, implied=False)


# "A patient" and "some" count nothing.
COUNT = (
    r"(?:\d[\d.,]*|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen"
    r"|twenty|thirty|forty|fifty|hundreds?|thousands?|millions?|billions?|dozens?|half)\b)"
)
NUMBER = (
    r"(?:\d[\d.,]*|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fourteen"
    r"|fifteen|twenty|thirty|forty|fifty|sixty|hundred|thousand|half|several|few|dozens?))"
)
RANGE = rf"{NUMBER}(?:\s*(?:to|or|and|[-–—])\s*{NUMBER})?"
UNIT = (
    r"(?:secs?|seconds?|mins?|minutes?|h|hrs?|hours?|d|days?|wks?|weeks?|fortnights?|months?|yrs?"
    r"|years?|decades?)\b"
)
_ONE_UNIT = r"an? (?:second|minute|hour|day|week|fortnight|month|year|decade)"
# "Every 12 hours" and "once a day" say how often, not how long.
TIME = (
    rf"(?:(?<!every )(?<!each )(?<![\d.,]){RANGE}[\s-]*(?:\w+[\s-])?\b{UNIT}"
    rf"|\b(?:(?:for|in|within|after|over|about|than|lasts?|of|only|half) {_ONE_UNIT}"
    rf"|{_ONE_UNIT} (?:after|later|before|or two|to|of))\b"
    r"|\b(?:day|week|month|year|age|trimester)s?\s\d|\blife-?(?:long|time)\b|\bfor life\b"
    r"|\b(?:indefinite|permanent)\w*|\b(?:until|as long as|long[- ]term|overnight|throughout)\b)"
)
# Questions whose answer depends on the patient and the disease; that of a gene does not.
DEPENDS = re.compile(
    r"\b(?:dos(?:es?|age|ed|ing)|treat\w*|therap\w+|manag\w+|drugs?|medicines?|antibiotics?|given?"
    r"|us(?:ed?|ing)|tak(?:en?|ing)|safe\w*|recommend\w*|preferred|preferable|(?<!the )targets?"
    r"(?! of)|goals?|best|avoid\w*|stop\w*|replac\w+|correct\w+|revers\w+|administ\w+|inject\w+"
    r"|infus\w+|start\w*|restart\w*|contra-?indicat\w*|offer\w*|allowed|should|wanted|painkillers?"
    r"|contraceptives?|antidepressants?|vaccin\w*|how (?:much|often|long|soon)|needed|choice"
    r"|[\w-]+ agents?|suits?|biologics?|analges\w+|pills?|qualify|half-li(?:fe|ves)|clearance"
    r"|normal|range|continue\w*|anti\w+)\b",
    re.I,
)
MECHANISM = re.compile(
    r"\b(?:genes?|mutations?|proteins?|pathways?|receptors?|enzymes?|mechanisms?|company|trials?"
    r"|micrornas?|variants?|markers?|cells?|study|studies|algorithms?|software|tools?|molecul\w+"
    r"|approved|inhibitors?|databases?|targets? of|regimens?|genom\w+)\b",
    re.I,
)
