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


HBA1C = "An HbA1c of 6.5 % or more is diagnostic of diabetes; 5.7–6.4 % is prediabetes."
EGFR = "Metformin is contraindicated below an eGFR of 30."


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Is an HbA1c of 6.2 % diagnostic of diabetes?", HBA1C, "no"),
        ("Is an HbA1c of 6.5 % diagnostic of diabetes?", HBA1C, "yes"),
        ("Is an HbA1c of 7.1 % diagnostic of diabetes?", HBA1C, "yes"),
        ("Is metformin allowed at an eGFR of 25?", EGFR, "no"),
        ("Is metformin allowed at an eGFR of 25?", "Metformin is contraindicated below 30.", "no"),
        # beyond a line that forbids nothing is said
        ("Is metformin allowed at an eGFR of 40?", EGFR, "unclear"),
        ("Is a TSH of 9 mU/L normal?", "A TSH of 0.4–4.0 mU/L is normal.", "no"),
        ("Is a TSH of 2.0 mU/L normal?", "A TSH of 0.4–4.0 mU/L is normal.", "yes"),
        ("Is a lactate of 3 mmol/L normal?", "A lactate above 2 mmol/L is abnormal.", "no"),
        ("Is 6 g of zinc a day safe?", "Zinc up to 4 g a day is safe.", "no"),
        ("Is 3 g of zinc a day allowed?", "Zinc must not exceed 4 g a day.", "yes"),
        ("Can a baby of 4 months get honey?", "Honey is not given under 12 months of age.", "no"),
        ("Can a baby of 5 months get zinc?", "Zinc can be given from 3 months of age.", "yes"),
        # another exact value, another unit, another measure
        ("Can zinc 5 mg be given for 3 days?", "Zinc 5 mg is given for 5 days.", "unclear"),
        ("Is metformin allowed at an eGFR of 25?", "Metformin is for people over 40 years.",
         "unclear"),
        ("Is a glucose of 6.1 mmol/L too high?", "A potassium of 5.5 mmol/L or more is too high.",
         "unclear"),
        # the number is part of a name, or both have the same line
        ("Does receptor 2 bind zinc?", "Receptor 2 binds zinc at 5 sites or more.", "yes"),
        ("May zinc be used in children under 8?", "Zinc is not licensed in children under 8.",
         "no"),
    ],
)  # fmt: skip
def test_a_value_is_compared_with_the_line_that_a_sentence_draws(
    question: str, sentence: str, expected: str
) -> None:
    assert stance(question, [sentence]) == expected


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Does losartan raise urate?", "Losartan lowers serum urate.", "no"),
        ("Does losartan lower urate?", "Losartan lowers serum urate.", "yes"),
        ("Does losartan lower urate?", "Losartan did not raise serum urate.", "unclear"),
        ("Does orlex cause weight loss?", "Orlex leads to weight gain.", "no"),
        ("Does orlex cause gout?", "Orlex prevents gout.", "no"),
        ("Does rifampicin inhibit CYP3A4?", "Rifampicin induces CYP3A4.", "no"),
        ("Does atropine constrict the pupil?", "Atropine dilates the pupil.", "no"),
        ("Do beta-blockers raise the heart rate?", "Beta-blockers slow the heart rate.", "no"),
        ("Does orlex cause hyperkalaemia?", "Orlex causes hypokalaemia.", "no"),
        ("Does zinc raise urate?", "Zinc raises urate and lowers glucose.", "yes"),
        # which of two things has more
        ("Do statols reduce deaths?", "Deaths were fewer with statols than with placebo.", "yes"),
        ("Do statols reduce deaths?", "Deaths were fewer with placebo than with statols.", "no"),
        ("Is surgery better than rest?", "Rest was better than surgery.", "no"),
        ("Is surgery better than rest?", "Rest was worse than surgery.", "yes"),
    ],
)
def test_the_way_that_things_go(question: str, sentence: str, expected: str) -> None:
    assert stance(question, [sentence]) == expected


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Does zinc reduce nausea?", "Nausea was the same with zinc as with placebo.", "no"),
        ("Is nausea as common with zinc as with iron?",
         "Nausea was the same with zinc as with iron.", "yes"),
        ("Is nausea more common with zinc?", "Nausea was the same with zinc as with placebo.",
         "no"),
        ("Does zinc reduce falls?", "Falls were no less frequent with zinc than with iron.", "no"),
        ("Is surgery worse than rest?", "Surgery was no worse than rest.", "no"),
        ("Does surgery improve survival?", "Survival after surgery and rest did not differ.", "no"),
        ("Does zinc improve sleep?", "The trial failed to show that zinc improves sleep.", "no"),
        ("Does rest prevent preterm birth?", "Preterm birth was just as frequent with rest.", "no"),
        ("Is zinc as effective as iron?", "Zinc was non-inferior to iron.", "yes"),
        ("Is zinc superior to iron?", "Zinc was non-inferior to iron.", "unclear"),
        ("Is zinc non-inferior to iron?", "Non-inferiority of zinc to iron was not shown.", "no"),
        ("Are zinc and iron equally effective?", "Zinc is more effective than iron.", "no"),
    ],
)  # fmt: skip
def test_what_does_not_differ(question: str, sentence: str, expected: str) -> None:
    assert stance(question, [sentence]) == expected


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Is rash common with orlex?", "Rash is not uncommon with orlex.", "unclear"),
        ("Is rash uncommon with orlex?", "Rash is not uncommon with orlex.", "no"),
        ("Is rash rare with orlex?", "Rash is not rare with orlex.", "no"),
        ("Is orlex effective in asthma?", "Orlex is not ineffective in asthma.", "unclear"),
        ("Does orlex cause autism?", "An effect of orlex on autism cannot be excluded.", "unclear"),
        ("Does an MRI rule out cancer?", "An MRI does not rule out cancer.", "no"),
    ],
)
def test_what_is_denied_twice_is_open(question: str, sentence: str, expected: str) -> None:
    assert stance(question, [sentence]) == expected


@pytest.mark.parametrize(
    ("question", "sentences", "expected"),
    [
        ("Is orlex safe in pregnancy?", ["It should be avoided in pregnancy."], "no"),
        ("Is orlex safe in pregnancy?", ["Orlex is not harmful in pregnancy."], "yes"),
        ("Is alcohol safe in pregnancy?", ["No amount of alcohol is safe in pregnancy."], "no"),
        ("Can orlex be given with iron?", ["The combination is contraindicated."], "no"),
        ("Can orlex be given with iron?",
         ["Orlex with iron can cause vomiting.", "The combination is contraindicated."], "no"),
        ("Can orlex be given with iron?", ["Orlex is a tablet.", "It is not given with iron."],
         "no"),
        ("Can people with asthma have the vaccine?",
         ["Asthma is not a contraindication to the vaccine."], "yes"),
        ("Is lithium compatible with breastfeeding?",
         ["Drug: Lithium; Breastfeeding: contraindicated"], "no"),
        ("Can lithium be used while breastfeeding?", ["Drug: Lithium; Breastfeeding: ✗"], "no"),
        ("Can lithium be used while breastfeeding?",
         ["Drug: Lithium; Pregnancy: no; Breastfeeding: yes"], "yes"),
        ("Is lithium contraindicated in breastfeeding?",
         ["Drug: Lithium; Breastfeeding: no"], "yes"),
    ],
)  # fmt: skip
def test_whether_something_may_be_used(question: str, sentences: list[str], expected: str) -> None:
    assert stance(question, sentences) == expected


@pytest.mark.parametrize(
    ("question", "sentence", "told"),
    [
        ("Can warfarin be continued while breastfeeding?",
         "Warfarin may be continued, because it does not cross into milk.", "yes"),
        ("Must metformin be withheld before contrast?",
         "Metformin is withheld before contrast, since it may not be excreted.", "yes"),
        ("Does vitamin C prevent colds?",
         "Vitamin C did not prevent colds because the dose was too low.", "no"),
        ("Should allopurinol be stopped during an acute attack?",
         "Allopurinol should not be stopped during an acute attack.", "no"),
        ("Should metformin be stopped before contrast?",
         "Metformin should be stopped before contrast.", "yes"),
        ("Must metformin be withheld before contrast?",
         "Metformin need not be withheld before contrast.", "no"),
        ("Should patients avoid exercise after a stroke?",
         "Patients shouldn't avoid exercise after a stroke.", "no"),
        ("Can an ACE inhibitor be combined with an ARB?",
         "An ACE inhibitor shouldn’t be combined with an ARB.", "no"),
    ],
)  # fmt: skip
def test_a_reason_and_what_must_not_be_stopped(question: str, sentence: str, told: str) -> None:
    assert stance(question, [sentence]) == told
