"""Is a sentence told as a fact of today: no question, plan, belief, report of others or hedge?"""

from __future__ import annotations

import re

_OPEN = re.compile(
    r"\?\s*\Z|\A\W*(?:learn|read|find out|(?:for )?more information)\b|\bwhether\b"
    r"|\b(?:hypothes\w+|aim(?:s|ed)?|objective|purpose)\b"
    r"|\bto (?:determine|assess|evaluate|investigate|examine|explore|clarify)\b"
    r"|\b(?:we|study|trial|review) (?:\w+ )?(?:tests?|tested|asks?|asked|sought|examine[sd]?"
    r"|evaluate[sd]?|investigate[sd]?|compare[sd]?)\b"
    r"|\b(?:is|are|was|were|been) (?:\w+ )?(?:studied|investigated|examined|assessed|evaluated)\b"
    r"|\b(?:randomly (?:assigned|allocated)|were randomi[sz]ed)\b"
    r"|\b(?:working|trying|under ?way|in progress|being (?:studied|tested|developed))\b"
    r"|\b(?:is|are) (?:called|termed)\b"  # a name is no fact
)
_BELIEF = re.compile(
    r"\b(?:myths?|misconceptions?|beliefs?|contrary to|rumou?rs?|claims? that|claimed"
    r"|(?:people|parents|doctors|physicians|clinicians|psychiatrists|experts|many|some) "
    r"(?:\w+ )?(?:think|thought|believed?|say|said|claim)"
    r"|(?:was|were|been|is|are) (?:\w+ ){0,2}"
    r"(?:believed|thought|assumed|said|claimed|stated|asserted|taught|advertised)"
    r"|in the past|formerly|historically|traditionally|previously|until recently|used to"
    r"|once (?:thought|believed|recommended|used)|for (?:decades|centuries|many years)"
    r"|(?:earlier|older|previous|former) (?:guidelines?|recommendations?|stud\w+|reports?)"
    r"|in the \w+ century|in the 1[89]\d0s)\b"
)
_TOLD_BY = (
    r"reported|found|shown?|showed|suggest(?:ed)?|claim(?:ed)?|concluded?|observed?|noted"
    r"|described|argued?|proposed?|postulated?"
)
_OTHERS = re.compile(
    r"\bet al\b|\baccording to (?:some|others|one|many|several|certain|a few)\b"
    rf"|\b(?<!the )(?:authors|investigators|researchers|scientists|colleagues|co-?workers|others)"
    rf" (?:\w+ )?(?:have |had )?(?:{_TOLD_BY})\b"
    r"|\b(?:other|previous|earlier|prior|some|several|few|certain|one|another|a|an|recent|older)"
    r" (?:\w+ ){0,2}?(?:study|studies|reports?|trials?|groups?|papers?|articles?|authors?|experts?)"
    rf" (?:\w+ )?(?:have |has |had )?(?:{_TOLD_BY})\b"
    rf"|\b(?:has|have|had) (?:\w+ )?been (?:\w+ )?(?:{_TOLD_BY}) (?:that|to|as)\b"
    r"|\b(?:was|were) (?:\w+ )?(?:reported|claimed|argued|proposed) (?:that|to)\b"
)
_SOMEBODY = re.compile(  # "Smith (2019) reported that"
    r"\b(?!We\b|This\b|The\b|It\b)[A-Z][a-z]+ (?:\(?\d{4}\)? |and [A-Z]?[a-z]+ )?"
    r"(?:reported|claimed|argued|proposed|postulated|found) (?:that|no)\b"
)
_NOT_CLAIMED = re.compile(r"\b(?:aims?|objectives?|purpose|hypothes[ie]s|myths?)\b")
# "May" permits, unless it is said of an effect or a state.
_MAY = (
    r"may (?:\w+ly )?(?:not |also |even |sometimes )*(?:caus|reduc|increas|decreas|lower|rais|help"
    r"|prevent|improv|lead|affect|occur|develop|have(?! (?:at most|up to|no more|\d))|result"
    r"|worsen|contribut|protect|provok|bring"
    r"|interfer|damag|harm|play|represent|indicat|benefit|experienc|reliev|produc|trigger|fall|drop"
    r"|rise|climb|last|shorten|prolong|impair|enhanc|aggravat|reflect|become|appear|explain|work"
    r"|fail|be (?:associated|caused|related|linked|needed|involved"
    r"|(?!\w+(?:ed|en|wn|unk|pt|ut|one)\b)))"
)
_UNSURE = re.compile(
    r"\b(?:might|could|perhaps|possibly|possibility|it is possible|potential(?:ly)?|probabl[ey]"
    r"|presumably|(?<!more )(?<!less )(?<!most )likely|unlikely|suggest\w*|appear(?:s|ed)? to"
    r"|seem(?:s|ed)?|suspect\w*|uncertain\w*|unclear|unknown|unproven|not (?:clear|known|certain)"
    r"|insufficient|inconclusive|conflicting|controvers\w+|debate[sd]?|theor\w+"
    r"|(?:no|little|limited|weak|some) (?:\w+ ){0,2}(?:evidence|proof)"
    rf"|{_MAY})"
)


def is_told(text: str, section: str) -> bool:
    """Tell whether a sentence states something as a fact of today."""
    lower = text.lower()
    return not (
        _OPEN.search(lower)
        or _BELIEF.search(lower)
        or _OTHERS.search(lower)
        or _SOMEBODY.search(text)
        or _NOT_CLAIMED.search(section.lower())
    )


def is_sure(text: str) -> bool:
    """Tell whether a lower-case clause has no hedge."""
    return _UNSURE.search(text) is None
