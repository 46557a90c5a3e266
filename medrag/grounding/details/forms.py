"""In which form a drug is taken, and whether it is to treat or to prevent.

What is true of plain tablets is no answer for tablets with modified release.
"""

from __future__ import annotations

import re

from ..question import Question
from .kinds import Span

_SLOWLY = r"(?:modified|slow|extended|prolonged|sustained|controlled|delayed)[\s-]+release"
_PLAIN = r"(?:standard|immediate|normal|plain|conventional|ordinary|regular|fast)[\s-]+release"
_SHORT = r"\b(?-i:MR|SR|XR|ER|XL|CR|LA|PR)\b|\bretard\b|long-acting"
_DEVICES = {
    "patch": r"patch(?:es)?|transdermal\w*",
    "tablet": r"tablets?|pills?|caplets?|capsules?|by mouth|orally|oral",
    "liquid": r"syrups?|suspensions?|oral solutions?|elixirs?|liquid",
    "suppository": r"suppositor(?:y|ies)|rectal(?:ly)?|enemas?",
    "cream": r"creams?|ointments?|gels?|lotions?|topical(?:ly)?",
    "drops": r"(?:eye|ear|nose)[ -]?drops",
    "inhaler": r"inhalers?|inhaled|inhalation|puffs?|nebuli[sz]\w+",
    "spray": r"(?:nasal|nose)[ -]sprays?|intranasal(?:ly)?",
    "lozenge": r"lozenges?|buccal|sublingual(?:ly)?",
    "injection": r"inject\w+|infus\w+|intraven\w+|intramusc\w+|subcut\w+|depot",
}
# Each: how a question asks for a form, how a text says it, and how it says another one.
_FORMS = tuple(
    (re.compile(rf"\b(?:{asked})\b", re.I), re.compile(said, re.I), re.compile(other, re.I))
    for asked, said, other in (
        (_SLOWLY, rf"\b{_SLOWLY}|{_SHORT}", rf"\b{_PLAIN}|\beffervescent|\bsoluble"),
        (_PLAIN, rf"\b{_PLAIN}|\b(?-i:IR)\b", rf"\b{_SLOWLY}|{_SHORT}"),
        *(
            (
                asked,
                rf"\b(?:{asked})\b",
                "|".join(rf"\b(?:{one})\b" for name, one in _DEVICES.items() if one != asked),
            )
            for name, asked in _DEVICES.items()
            if name in ("patch", "suppository", "cream", "drops", "inhaler", "spray", "lozenge")
        ),
        (
            r"(?<=for )(?:the )?(?:prevention|prophylaxis)",
            r"prevent|prophyla|before|after expos|reduce the risk|lower the risk|post-?exposure",
            r"\btreat|\btherap",
        ),
        (
            r"(?<=for )(?:the )?treatment(?= of\b)",
            r"\btreat|\btherap|\bcure|\bacute|established",
            r"\bprevent|prophyla",
        ),
    )
)
_DOSED = re.compile(
    r"\bdos(?:es?|age|ing)\b|\bmaximum\b|\bhow (?:much|many|often|is|are|long)\b|\bstarting\b", re.I
)


def missing_forms(asked: Question, text: str, context: str) -> list[Span]:
    """Where a question about a dose names a form or a purpose, and a text only has another one."""
    if asked.yes_no or not _DOSED.search(asked.text):
        return []
    said = f"{context}\n{text}"
    found = []
    for asks, says, says_other in _FORMS:
        one = asks.search(asked.text)
        if one and says_other.search(text) and not says.search(said):
            found.append(one.span())
    return found
