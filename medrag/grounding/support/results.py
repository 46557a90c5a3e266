"""What a sentence says of a study's result: no change, not significant."""

from __future__ import annotations

import re

_NO = r"(?:\bno|\bnot|n['’]t|\bcannot|\bneither|\bnor|\bwithout|\bnever)\b"
_NO_CHANGE = re.compile(
    rf"{_NO}(?:(?!\b(?:clear|known|certain|sure|whether|if)\b)[^.;]){{0,40}}\b(?:differ\w*|change\w*|effect|affect\w*|influence\w*|impact"
    r"|significan\w*|association|associated|correlat\w*|benefit\w*|advantage|alter\w*|improve\w*"
    r"|better|worse|superior\w*|evidence)\b"
    r"|\b(?:unchanged|similar|comparable|equal(?:ly)?|unaffected|non-?significant|insignificant"
    r"|the same(?! (?:day|time|week|month|evening|night|morning|hour|hospital|patients?|hand|side"
    r"|arm|leg|eye|syringe|line|room|person|place|site|visit))"
    r"|nonsignificant|non-?inferior|unrelated"
    r"|(?<!twice )(?<!times )(?<!half )"
    r"as (?:often|common|effective|frequent|likely|many|high|low|good|well) (?:as|with|in))\b"
    r"|\b(?:evidence|effect|difference|benefit)\b[^.;]{0,40}\b(?:lacking|absent)\b|\black of\b"
    rf"|{_NO} (?:\w+ ){{0,2}}(?:shown|seen|found|observed|demonstrated|detected|reported"
    r"|noted|proven|established|confirmed)\b|\bunproven\b"
    r"|\bfail(?:ed|s)? to\b|\bno (?:difference|change|effect)\b|\bdid nothing\b",
    re.I,
)
_NOT_SIGNIFICANT = re.compile(
    rf"{_NO}[^.;]{{0,30}}\bsignifican\w*"
    r"|\bnon-?significant\w*|\binsignificant\w*|\b(?:not|n['’]t) reach significance",
    re.I,
)
_SIGNIFICANT = re.compile(
    r"(?<!not )(?<!n't )(?<!non-)(?<!nor )(?<!no )(?<!not a )\bsignificant(?:ly)?\b", re.I
)
_P_VALUE = re.compile(r"\bp\s?(?P<sign>[=<>≤≥])\s?(?P<value>0?[.·]\d+)", re.I)
_BOUND = r"[-−+]?\d*[.·]?\d+"
_INTERVAL = re.compile(
    r"\b(?:ci|confidence interval|cri|credible interval)\b[^\d−+-]{0,30}"
    rf"(?P<low>{_BOUND})\s?%?\s?(?:to|,|-|–|and)\s?(?P<high>{_BOUND})",
    re.I,
)
_RATIO = re.compile(r"\b(?:ratio|rr|or|hr|irr|relative risk|hazard|odds)\b", re.I)
_INCLUDES_NULL = re.compile(
    r"\b(?:interval|ci)\b.{0,40}\b(?:includ|contain|cross|span|overlap|straddl)\w*\s+"
    r"(?:the null|no (?:effect|difference)|unity|1|0|zero|one)\b",
    re.I,
)


def denies_change(text: str) -> bool:
    """Tell whether a lower-case clause says that something does not change or differ."""
    return _NO_CHANGE.search(text) is not None


def is_not_significant(text: str) -> bool:
    """Tell whether a lower-case sentence reports no significant result, in words or in numbers."""
    if _NOT_SIGNIFICANT.search(text) or _INCLUDES_NULL.search(text):
        return True
    return not _SIGNIFICANT.search(text) and (_least_p_value(text) > 0.05 or _holds_null(text))


def _least_p_value(text: str) -> float:
    """The least of the p values of a sentence, other than upper bounds; 0 if there is none."""
    values = [_number(one["value"]) for one in _P_VALUE.finditer(text) if one["sign"] in "=>≥"]
    return min(values, default=0.0)


def _holds_null(text: str) -> bool:
    """Whether all confidence intervals include no effect: 1 for ratios, 0 for other measures."""
    null = 1.0 if _RATIO.search(text) else 0.0
    found = [(_number(one["low"]), _number(one["high"])) for one in _INTERVAL.finditer(text)]
    return bool(found) and all(low <= null <= high for low, high in found)


def _number(digits: str) -> float:
    """The value of digits with any sign of minus and any decimal point."""
    return float(digits.replace("−", "-").replace("·", "."))
