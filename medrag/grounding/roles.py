"""What a sentence does in its article: aim, method, background, result or conclusion.

A finding answers; what was to be found, or how, does not.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Role(StrEnum):
    """What a sentence does in its article."""

    aim = "aim"
    method = "method"
    background = "background"
    result = "result"
    conclusion = "conclusion"
    other = ""


# Labels of structured abstracts; they hold until the next one.
_LABEL = re.compile(
    r"\A\W{0,3}([A-Z][A-Z&/ ,-]{2,60}|[A-Z][a-z]+(?: and [a-z]+)?|[^:.]+ > [^:.]+):\s"
)
_LABELS = (
    (Role.conclusion, r"conclu|interpretation|significance|implication|take-?home|discussion"),
    (Role.result, r"result|finding|outcomes? and"),
    (Role.aim, r"objective|aim|purpose|hypothes|goal|background and (?:aim|objective|purpose)"),
    (
        Role.method,
        r"method|design|setting|participant|subject|patients\Z|measure|material|intervention"
        r"|procedure|data sources?|data synthesis|study selection|trial registration|population",
    ),
    (Role.background, r"background|introduction|context|rationale|importance"),
)
# Cues in a sentence, in the order in which they count: what concludes is a conclusion, whatever
# else is in it.
_CUES = tuple(
    (role, re.compile(pattern, re.I))
    for role, pattern in (
        (
            Role.conclusion,
            r"\b(?:in conclusion|in summary|to conclude|we conclude\w*|taken together|overall,"
            r"|(?:these|our|the) (?:present )?(?:results?|findings?|data|study|observations?)"
            r" (?:\w+ )?(?:suggest|indicate|show|demonstrate|support|confirm|reveal|provide"
            r"|imply)\w*"
            r"|therefore|thus,|hence)\b",
        ),
        (
            Role.aim,
            r"\b(?:aim|purpose|objective|goal)s? (?:of|was|were|is|are|in)\b"
            r"|\b(?:we|this (?:\w+ )?(?:study|paper|review|article|trial|work|report|analysis)"
            r"|the (?:present|current) (?:study|paper|review))\s+(?:\w+ )?"
            r"(?:aim(?:s|ed)?|sought|set out|intend(?:s|ed)?|hypothesi[sz]ed?"
            r"|(?:was|is) (?:designed|undertaken|conducted|performed|carried out) to"
            r"|investigate[sd]?|examine[sd]?|evaluate[sd]?|assess(?:es|ed)?|explore[sd]?|compare[sd]?"
            r"|describes?|reviews?|discuss(?:es)?|summari[sz]es?|analy[sz]e[sd]?"
            r"|determined? (?:whether|if)|test(?:ed|s)? (?:whether|if|the hypothesis))\b"
            r"|\A\W*(?:here,? we (?:review|discuss|describe|summari[sz]e|aim)\w*)\b"
            r"|\A\W*to (?:determine|evaluate|assess|investigate|examine|compare|study|explore"
            r"|describe|test|identify|analy[sz]e|review|clarify|establish|estimate|elucidate"
            r"|find out)\b"
            r"(?!.*,\s*(?:we (?:found|show)))",
        ),
        (
            Role.method,
            r"\b(?:patients|participants|subjects|women|men|children|mice|rats|adults|volunteers"
            r"|cases|samples|data|records|studies|charts)\b.{0,60}\bwere (?:\w+ )?(?:randomi[sz]ed"
            r"|randomly|enrolled|recruited|collected|reviewed|retrieved|assigned|divided|allocated"
            r"|included|extracted|analy[sz]ed|obtained|selected|interviewed|screened)\b"
            r"|\bwe (?:\w+ )?(?:searched|retrieved|recruited|enrolled|collected|conducted"
            r"|performed|carried out|randomi[sz]ed|used|reviewed|included|measured)\b"
            r"(?!.*\b(?:found|show|reveal))",
        ),
        (
            Role.result,
            r"\b(?:we (?:\w+ )?(?:found|show(?:ed)?|observed|demonstrate\w*|identified"
            r"|report(?:ed)?)|significant(?:ly)?|p\s?[<=>]\s?0?\.\d"
            r"|(?:was|were) (?:found|associated|observed)"
            r"|95\s?% ci|revealed)\b",
        ),
        (
            Role.background,
            r"\b(?:little is known|remains? (?:unclear|unknown|controversial|to be)|has not been"
            r" (?:studied|established)|is (?:unclear|unknown|not known))\b",
        ),
    )
)


def role_of(sentence: str, label: Role = Role.other) -> Role:
    """What a sentence does in its article.

    Args:
        label: that of its section. What stands under "Objective" is often a definition, so the
            words of the sentence decide whether it is an aim.
    """
    label = role_of_label(sentence) or label
    sentence = _LABEL.sub("", sentence)
    role = next((role for role, pattern in _CUES if pattern.search(sentence)), Role.other)
    if Role.aim in (role, label):
        return role or Role.background
    return label or role


def role_of_label(text: str) -> Role:
    """The role that the label at the start of a text gives: "RESULTS: …"."""
    named = _LABEL.match(text)
    label = named[1].rpartition(" > ")[2].strip().lower() if named else ""
    return next(
        (role for role, pattern in _LABELS if label and re.search(pattern, label)), Role.other
    )
