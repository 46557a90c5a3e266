"""Whether a sentence means yes or no to a question."""

from __future__ import annotations

import pytest

from medrag.grounding.stance import stance


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Is ramolor safe in pregnancy?", "Ramolor is not safe in pregnancy.", "no"),
        ("Is ramolor safe in pregnancy?", "Ramolor is safe in pregnancy.", "yes"),
        ("Is ramolor safe in pregnancy?", "Ramolor is contraindicated in pregnancy.", "no"),
        (
            "Is ramolor contraindicated in pregnancy?",
            "Ramolor must not be used in pregnancy.",
            "yes",
        ),
        ("Does zinc shorten colds?", "CONCLUSIONS: Zinc did not shorten colds.", "no"),
        ("Does zinc shorten colds?", "These results suggest that zinc shortens colds.", "yes"),
        ("Does zinc shorten colds?", "There was no evidence that zinc shortens colds.", "no"),
        ("Do statols reduce deaths?", "Statols failed to reduce deaths.", "no"),
        ("Does coffee increase uric acid?", "Coffee lowers uric acid.", "no"),
        ("Is wilsor disease dominant?", "Wilsor disease is recessive.", "no"),
        ("Is scurvy rare?", "Scurvy is common.", "no"),
        ("Does zinc shorten colds?", "Whether zinc shortens colds is inconclusive.", "unclear"),
        ("Is surgery as good as rest?", "Surgery and rest gave similar results.", "yes"),
        ("Is the result of surgery different from rest?", "Surgery and rest are similar.", "no"),
        ("Zinc in colds: does it help?", "Zinc did not help in colds.", "no"),
        (
            "Does zinc shorten colds?",
            "Zinc shortens colds, but it does not prevent fever.",
            "yes",
        ),
        ("Is orlex not only for gout?", "Orlex is used for gout and fever.", "no"),
        # may it be used?
        ("Is ramolor suitable in asthma?", "Ramolor is unsuitable in asthma.", "no"),
        ("Are statols safe in gout?", "Statols are avoided in gout.", "no"),
        ("Should zinc be given without iron?", "Zinc must never be given without iron.", "no"),
        ("Can I combine zinc and iron?", "Zinc with iron can cause dangerous bleeding.", "no"),
        ("Does zinc have to be stopped in a flare?", "Zinc is continued in a flare.", "no"),
        ("Is ramolor harmful to the fetus?", "Ramolor can harm the fetus.", "yes"),
        ("Is there a cure for scurvy?", "There is no cure for scurvy.", "no"),
        # the exception is what is asked about
        (
            "May zinc be used in renal failure?",
            "Zinc can be used unless there is renal failure.",
            "no",
        ),
        (
            "Should bacteriuria be treated in pregnancy?",
            "Bacteriuria should not be treated, with one exception: pregnancy.",
            "yes",
        ),
        (
            "Should bacteriuria be treated?",
            "Bacteriuria should not be treated, with one exception: pregnancy.",
            "no",
        ),
        # nothing is said about it
        ("Does zinc shorten colds?", "Oysters are eaten raw.", ""),
        ("Does zinc shorten colds?", "To determine whether zinc shortens colds.", ""),
        ("Does zinc shorten colds?", "BACKGROUND: Zinc is said to shorten colds.", ""),
        # no yes/no question
        ("Which drug shortens colds?", "Zinc shortens colds.", ""),
        ("How much zinc shortens colds?", "Zinc does not shorten colds.", ""),
    ],
)
def test_a_sentence(question: str, sentence: str, expected: str) -> None:
    assert stance(question, [sentence]) == expected


def test_a_denial_among_several_sentences_counts() -> None:
    said = ["Zinc is taken for colds.", "Zinc did not shorten colds."]
    assert stance("Does zinc shorten colds?", said) == "no"
    assert stance("Does zinc shorten colds?", []) == ""
