"""Whether a sentence means yes or no to a question."""

from __future__ import annotations

import time

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


DIABETES = [
    "An HbA1c of 6.5 % (48 mmol/mol) or above is diagnostic of diabetes.",
    "An HbA1c between 5.7 % and 6.4 % indicates prediabetes.",
]
GLUCOSE = [
    "Diabetes is diagnosed with a fasting glucose of 7.0 mmol/L or above, or a two-hour glucose of "
    "11.1 mmol/L or above."
]
LITHIUM = ["Levels above 1.5 mmol/L cause toxicity.", "The target lithium level is 0.6-0.8 mmol/L."]
PRESSURE = ["Hypertension is a blood pressure of 140/90 mmHg or higher."]
OVERT = [
    "Overt hypothyroidism is a TSH above 10 mU/L.",
    "A TSH of 4 to 10 mU/L is subclinical hypothyroidism.",
]
ROW_OF_EGFR = ["eGFR: below 30; Maximum daily dose: contraindicated"]


@pytest.mark.parametrize(
    ("question", "sentences", "expected"),
    [
        # the line of the same concept, with the value in another unit after it
        ("Is an HbA1c of 6.2 % diagnostic of diabetes?", DIABETES, "no"),
        ("Is an HbA1c of 6.2 % diagnostic?", DIABETES, "no"),
        ("Is an HbA1c of 6.9 % diagnostic of diabetes?", DIABETES, "yes"),
        ("Is an HbA1c of 7 % diagnostic?", DIABETES, "yes"),
        ("Is an HbA1c of 5.9 % normal?", DIABETES, "unclear"),
        ("Is an HbA1c of 50 mmol/mol diagnostic of diabetes?", DIABETES, "yes"),
        ("Is an HbA1c of 40 mmol/mol diagnostic of diabetes?", DIABETES, "no"),
        ("Is a TSH of 6 mU/L overt hypothyroidism?", OVERT, "no"),
        ("Is a TSH of 12 mU/L overt hypothyroidism?", OVERT, "yes"),
        ("Is a lithium level of 0.7 mmol/L toxic?", LITHIUM, "no"),
        ("Is a lithium level of 1.8 mmol/L toxic?", LITHIUM, "yes"),
        # of the same test
        ("Is a two-hour glucose of 9 mmol/L diagnostic of diabetes?", GLUCOSE, "no"),
        ("Is a two-hour glucose of 12 mmol/L diagnostic of diabetes?", GLUCOSE, "yes"),
        ("Is a fasting glucose of 7.5 mmol/L diagnostic of diabetes?", GLUCOSE, "yes"),
        ("Is a vancomycin trough of 22 mg/L within the target?",
         ["The target trough of vancomycin is 10-15 mg/L."], "no"),
        # two numbers, each with its own
        ("Is 145/95 mmHg hypertension?", PRESSURE, "yes"),
        ("Is 130/80 mmHg hypertension?", PRESSURE, "no"),
        ("Is 150/80 mmHg hypertension?", PRESSURE, "unclear"),
        # for others
        ("Is a blood pressure of 145/85 mmHg within the target for a 60-year-old?",
         ["The target is below 150/90 mmHg in people aged 80 and over."], ""),
        ("Is metformin contraindicated with an eGFR of 25?", ROW_OF_EGFR, "yes"),
        ("Can metformin be given with an eGFR of 25?", ROW_OF_EGFR, "no"),
        ("Is metformin contraindicated with an eGFR of 60?", ROW_OF_EGFR, "unclear"),
    ],
)  # fmt: skip
def test_a_value_is_compared_with_the_line_for_what_is_asked(
    question: str, sentences: list[str], expected: str
) -> None:
    assert stance(question, sentences) == expected


LOSARTAN = "Drug: losartan; Starting dose: 50 mg; Avoid in: pregnancy"
ATENOLOL = "Drug: atenolol; Cautions: diabetes; Contraindicated in: asthma"


@pytest.mark.parametrize(
    ("question", "row", "expected"),
    [
        ("Is losartan safe in pregnancy?", LOSARTAN, "no"),
        ("Can losartan be used in pregnancy?", LOSARTAN, "no"),
        ("Is losartan avoided in pregnancy?", LOSARTAN, "yes"),
        ("Is losartan safe in asthma?", LOSARTAN, ""),
        ("Is lisinopril safe in pregnancy?", LOSARTAN, ""),
        ("Is atenolol safe in asthma?", ATENOLOL, "no"),
        ("Is atenolol contraindicated in asthma?", ATENOLOL, "yes"),
        ("Is atenolol safe in diabetes?", ATENOLOL, "unclear"),
        ("Is aspirin safe for children?", "Drug: aspirin; Not for: children under 16", "no"),
        ("Is aspirin safe in pregnancy?", "Drug: aspirin; Not for: children under 16", ""),
        ("Can codeine be used while breastfeeding?", "Avoid in: breastfeeding", "no"),
        ("Is losartan safe in pregnancy?", "Drug: losartan; Safety: avoid in pregnancy", "no"),
        ("Is losartan safe in pregnancy?", "Drug: losartan; Safe in pregnancy: no", "no"),
        ("Is losartan safe in pregnancy?", "Drug: losartan; Pregnancy: no; Avoid in: gout", "no"),
        ("Is ibuprofen safe in gout?", "Drug: ibuprofen; Avoid in: asthma; Safe in: gout", "yes"),
    ],
)
def test_a_cell_that_lists_for_whom_something_is_not(
    question: str, row: str, expected: str
) -> None:
    assert stance(question, [row]) == expected


D_DIMER = [
    "A D-dimer below 500 excludes thrombosis if the Wells score is low.",
    "A normal D-dimer does not exclude it if the Wells score is high.",
]


@pytest.mark.parametrize(
    ("question", "sentences", "expected"),
    [
        ("Does a D-dimer of 300 exclude thrombosis if the Wells score is high?", D_DIMER, "no"),
        ("Does a D-dimer of 300 exclude thrombosis if the Wells score is low?", D_DIMER, "yes"),
        ("Does a D-dimer exclude thrombosis if the Wells score is high?", [" ".join(D_DIMER)],
         "no"),
        ("Is orlex effective in acute gout?",
         ["Orlex is effective in acute gout.", "Orlex is not effective in chronic gout."], "yes"),
        ("Is orlex safe in the first trimester?", ["Orlex is safe in the third trimester."], ""),
        ("Does surgery help in mild disease?", ["Surgery helps in severe disease."], ""),
        ("Should aspirin be stopped before surgery?",
         ["Aspirin should be stopped after surgery."], ""),
        ("Should aspirin be stopped before surgery?",
         ["Aspirin should be stopped before surgery."], "yes"),
        ("Is a biopsy needed in patients with negative serology?",
         ["A biopsy is not needed in patients with positive serology."], ""),
        ("Is metformin safe in children?", ["Metformin is safe in adults."], ""),
    ],
)  # fmt: skip
def test_what_holds_in_other_circumstances_says_nothing(
    question: str, sentences: list[str], expected: str
) -> None:
    assert stance(question, sentences) == expected


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Is ototoxicity reversible?", "Ototoxicity is usually irreversible.", "no"),
        ("Is ototoxicity irreversible?", "Ototoxicity is usually irreversible.", "yes"),
        ("Is ototoxicity irreversible?", "Ototoxicity is reversible.", "no"),
        ("Is ototoxicity irreversible?", "Ototoxicity is not reversible.", "yes"),
        ("Is ototoxicity reversible?", "Ototoxicity is not reversible.", "no"),
        ("Is cirrhosis curable?", "Cirrhosis is incurable.", "no"),
        ("Is codeine effective for cough?", "Codeine is ineffective for cough.", "no"),
        ("Is the fracture stable?", "The fracture is unstable.", "no"),
        ("Is the fracture unstable?", "The fracture is unstable.", "yes"),
        ("Is the ECG normal in pericarditis?", "The ECG is abnormal in pericarditis.", "no"),
        ("Is the pulse regular in sarcoidosis?", "The pulse is irregular in sarcoidosis.", "no"),
        ("Is the rash contagious?", "The rash is non-contagious.", "no"),
        ("Is anaphylaxis uncommon with orlex?", "Anaphylaxis is common with orlex.", "no"),
    ],
)
def test_opposites_by_a_prefix(question: str, sentence: str, expected: str) -> None:
    assert stance(question, [sentence]) == expected


RASH = (
    "A maculopapular rash is common in patients with infectious mononucleosis, and does not mean "
    "allergy."
)


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Does a rash in mononucleosis mean amoxicillin allergy?", RASH, "no"),
        ("Is a rash common in mononucleosis?", RASH, "yes"),
        ("Does a taste with orlex require treatment?",
         "A taste is common with orlex and does not require treatment.", "no"),
    ],
)  # fmt: skip
def test_of_two_predicates_the_one_that_is_asked_counts(
    question: str, sentence: str, expected: str
) -> None:
    assert stance(question, [sentence]) == expected


@pytest.mark.parametrize(
    ("question", "sentences", "expected"),
    [
        ("Does vitamin D reduce falls?",
         ["Vitamin D reduces the risk of falls.", "Vitamin D did not reduce falls."],
         "unclear"),
        ("Does zinc shorten colds?", ["Zinc shortens colds.", "Zinc did not shorten colds."],
         "unclear"),
        ("Does zinc shorten colds?", ["Zinc shortens colds.", "Iron did not shorten colds."],
         "yes"),
        ("Does zinc shorten colds?", ["Zinc shortens colds.", "Zinc does not prevent fever."],
         "yes"),
        ("Is orlex safe in gout?", ["Orlex is safe in gout.", "Ramolor is not safe in gout."],
         "yes"),
    ],
)  # fmt: skip
def test_sentences_that_say_the_opposite(
    question: str, sentences: list[str], expected: str
) -> None:
    assert stance(question, sentences) == expected


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Does furosemide raise the lithium level?",
         "Thiazide diuretics and NSAIDs raise the lithium level.", ""),
        ("Does ibuprofen raise the lithium level?",
         "Thiazide diuretics and NSAIDs raise the lithium level.", "yes"),
        ("Does bendroflumethiazide raise the lithium level?",
         "Thiazides and NSAIDs raise the lithium level.", "yes"),
        ("Does furosemide raise urate?", "Diuretics raise urate.", "yes"),
        ("Is recurrence lower with apixaban?", "Bleeding was lower with apixaban.", ""),
        ("Is bleeding lower with apixaban?", "Bleeding was lower with apixaban.", "yes"),
        ("Does vitamin D prevent fractures?", "Vitamin D prevents falls.", ""),
        ("Does vitamin D prevent falls?", "Vitamin C does not prevent falls.", ""),
        ("Does paracetamol relieve headache?", "Acetaminophen relieves headache.", "yes"),
        ("Does ramipril cause cough?", "ACE inhibitors cause cough.", "yes"),
        ("Does amlodipine cause cough?", "ACE inhibitors cause cough.", ""),
        ("Is amoxicillin safe in pregnancy?", "Doxycycline is not safe in pregnancy.", ""),
        ("Does mass drug administration lower mortality?", "MDA did not lower mortality.", "no"),
    ],
)  # fmt: skip
def test_what_names_another_drug_or_outcome_says_nothing(
    question: str, sentence: str, expected: str
) -> None:
    assert stance(question, [sentence]) == expected


@pytest.mark.parametrize(
    ("question", "answer", "told"),
    [
        ("Can a blood test tell if TB is active?", "no", "cannot tell latent from active TB"),
        ("Can a blood test show contact?", "yes", "cannot tell latent from active TB"),
        ("Can a blood test show contact with TB?", "yes", "does not show how ill someone is"),
    ],
)
def test_a_clause_that_denies_the_verb_of_the_question(
    question: str, answer: str, told: str
) -> None:
    sentence = f"A blood test shows contact with the germ but {told}."
    assert stance(question, [sentence]) == answer


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Can women on lithium breastfeed?", "Women on lithium are advised to bottle-feed.", "no"),
        ("Can an MRI be done with a pacemaker?", "A pacemaker precludes MRI.", "no"),
        ("Are antibiotics useful in a cold?", "Antibiotics are of no value in a cold.", "no"),
        ("Can ramolor capsules be opened?", "Ramolor capsules are swallowed whole.", "no"),
        ("Is screening recommended?", "The panel recommends against screening.", "no"),
        ("Should surgery be delayed in sepsis?", "Surgery should be delayed in sepsis.", "yes"),
        ("Is a vaccine contraindicated in fever?", "The vaccine is best deferred in fever.", "yes"),
        ("Can ramolor be continued in asthma?", "There is no reason to stop ramolor.", "yes"),
        ("Should ramolor be stopped in asthma?", "There is no reason to stop ramolor.", "no"),
        ("Is ramolor safe in lactation?", "Ramolor in lactation does not affect the baby.", "yes"),
        ("Does ramolor affect the pulse?", "Ramolor does not affect the pulse.", "no"),
        ("Is ramolor used for cystitis?", "Ramolor is reserved for sepsis.", "unclear"),
        ("Is ramolor used for sepsis?", "Ramolor is reserved for sepsis.", "yes"),
        ("Can ramolor be taken with juice?", "Juice raises ramolor; avoid the combination.", "no"),
        ("Is a biopsy necessary to diagnose it?", "Serology alone is enough to diagnose it.", "no"),
        ("Is there an antidote to ramolor?", "There is no specific antidote to ramolor.", "no"),
        ("Is there an antidote to ramolor?", "An antidote to ramolor is available.", "yes"),
    ],
)  # fmt: skip
def test_verdicts_in_other_words(question: str, sentence: str, expected: str) -> None:
    assert stance(question, [sentence]) == expected


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Can ramolor be stopped abruptly?", "Ramolor is withdrawn gradually.", "no"),
        ("Can ramolor be stopped gradually?", "Ramolor is stopped gradually.", "yes"),
        ("Does it reverse ramolor completely?", "It reverses ramolor only in part.", "no"),
        ("Is ramolor begun during an attack?", "It is begun after the attack has settled.", "no"),
        ("Is ramolor given during labour?", "Ramolor is given during labour.", "yes"),
    ],
)
def test_another_manner_or_time(question: str, sentence: str, expected: str) -> None:
    assert stance(question, [sentence]) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("Falls occurred in 7.0% with zinc and 7.1% with oil, 95% CI 0.87 to 1.10.", "no"),
        ("Falls occurred in 3.0% with zinc and 7.1% with oil, 95% CI 0.37 to 0.80.", "yes"),
        ("Falls were 27.0% with zinc and 25.0% with placebo.", "unclear"),
        ("Zinc reduced falls from 27.0% to 25.0%.", "yes"),
    ],
)
def test_numbers_without_a_verdict(told: str, expected: str) -> None:
    assert stance("Does zinc reduce falls?", [told]) == expected


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Does vitamin K reverse heparin?", "Protamine, not vitamin K, reverses heparin.", "no"),
        ("Does protamine reverse heparin?", "Protamine, not vitamin K, reverses heparin.", "yes"),
        (
            "Does heparin cross the placenta?",
            "Warfarin crosses the placenta, whereas heparin does not.",
            "no",
        ),
        (
            "Does warfarin cross the placenta?",
            "Warfarin crosses the placenta, whereas heparin does not.",
            "yes",
        ),
        (
            "Should patients rest in bed?",
            "Patients should stay active rather than rest in bed.",
            "no",
        ),
        (
            "Does ramolor lower mortality in patients without oxygen?",
            "Ramolor lowers mortality in patients on oxygen but not in those without.",
            "no",
        ),
        (
            "Does ramolor lower mortality in patients on oxygen?",
            "Ramolor lowers mortality in patients on oxygen but not in those without.",
            "yes",
        ),
        ("Does zinc relieve pain?", "Zinc relieved pain, but not in the placebo group.", "yes"),
    ],
)
def test_one_of_two_is_affirmed(question: str, sentence: str, expected: str) -> None:
    assert stance(question, [sentence]) == expected


def test_a_sentence_with_many_quantities_takes_no_long() -> None:
    start = time.perf_counter()
    stance("Is 5 mg of ramolor safe in pregnancy?", ["5 mg or 10 mg " * 500])
    assert time.perf_counter() - start < 5.0


def test_a_sentence_without_what_is_asked_does_not_overrule_one_with_it() -> None:
    said = [
        "Ototoxicity is due to loss of hair cells and is usually irreversible.",
        "Gentamicin causes ototoxicity and nephrotoxicity.",
    ]
    assert stance("Is gentamicin ototoxicity reversible?", said) == "no"
    assert stance("Is gentamicin ototoxicity irreversible?", said) == "yes"


def test_an_empty_cell_denies_nothing_and_a_target_defines_no_disease() -> None:
    row = (
        "eGFR (mL/min/1.73 m2): below 30; Maximum daily dose: contraindicated; "
        "Monitoring: not applicable"
    )
    assert stance("Is metformin contraindicated with an eGFR of 25?", [row]) == "yes"
    target = ["Target blood pressure is 135/85 mmHg or below."]
    assert stance("Is a blood pressure of 130/80 mmHg hypertension?", target) == ""
    assert stance("Is a blood pressure of 145/95 mmHg hypertension?", target) == ""


LINES = "Labetalol is safe in pregnancy; ACE inhibitors are contraindicated there."
CLOTS = "Low molecular weight heparin is used in pregnancy; direct oral anticoagulants must not be."
ALONE = "Terbutaline alone is no longer recommended in asthma."


@pytest.mark.parametrize(
    ("question", "sentences", "told"),
    [
        # the clause about the class counts, not the one about another drug
        ("Is enalapril safe in pregnancy?", [LINES], {"no"}),
        ("Is enalapril contraindicated in pregnancy?", [LINES], {"yes"}),
        ("Is labetalol safe in pregnancy?", [LINES], {"yes"}),
        ("Can apixaban be used in pregnancy?", [CLOTS], {"no"}),
        ("Can heparin be used in pregnancy?", [CLOTS], {"yes"}),
        # a name that is not known
        ("Can Zarolto be used in pregnancy?", [CLOTS], {"", "unclear"}),
        ("Is Brikanal alone enough in asthma?", [ALONE], {"", "no", "unclear"}),
        (
            "Is Brikanal alone enough in asthma?",
            [ALONE, "Brand: Brikanal; Drug: terbutaline; Not for: sole treatment of asthma"],
            {"", "no", "unclear"},
        ),
        # what says nothing of what is asked gives no leave
        (
            "Can I drive with sleep apnoea?",
            [
                "Drivers with excessive sleepiness must not drive until treated.",
                "Sleep apnoea is repeated closure of the airway during sleep.",
            ],
            {"no", "unclear"},
        ),
        ("Can I drive with sleep apnoea?", ["People with sleep apnoea may drive."], {"yes"}),
        # safe, but with a caution
        (
            "Is isotretinoin safe?",
            ["Mood changes with isotretinoin must be discussed before it is prescribed."],
            {"unclear"},
        ),
        ("Is amiodarone safe?", ["Thyroid tests are done with amiodarone."], {""}),
        ("Is azithromycin safe?", ["Azithromycin is safe and well tolerated."], {"yes"}),
        ("Is paracetamol safe in gout?", ["Paracetamol is safe in gout; avoid aspirin."], {"yes"}),
    ],
)
def test_a_yes_to_use_needs_leave_for_what_is_asked(
    question: str, sentences: list[str], told: set[str]
) -> None:
    assert stance(question, sentences) in told


AHI = "An apnoea-hypopnoea index (AHI) of 5 to 14 is mild, 15 to 29 moderate and 30 or more severe."
CODEINE = "Drug: codeine; Dose: 30 mg every 6 hours; Not for: children under 12 years"


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Is an AHI of 20 severe?", AHI, "no"),
        ("Is an AHI of 20 moderate?", AHI, "yes"),
        ("Is an AHI of 35 severe?", AHI, "yes"),
        ("Is an AHI of 3 mild?", AHI, "no"),
        ("Can codeine be used in a 10-year-old?", CODEINE, "no"),
        ("Can codeine be used in a 15-year-old?", CODEINE, "unclear"),
    ],
)
def test_of_bands_the_one_of_the_value_counts(question: str, sentence: str, expected: str) -> None:
    assert stance(question, [sentence]) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Wht is gout treated with in adults?", ""),
        ("Hwo is gout treated in older adults?", ""),
        ("Treatment of gout in adults with colchicine?", ""),
        ("Was ist die Dosis bei Gout?", ""),
        ("Was hilft gegen Gout?", ""),
        ("Was gout treated with colchicine?", "yes"),
        ("I have gout, is it treated with colchicine?", "yes"),
        ("Colchicine in adults with gout: a useful treatment?", "yes"),
        ("Can (high-dose) colchicine treat gout?", "yes"),
    ],
)
def test_only_a_question_of_yes_or_no_has_a_stance(question: str, expected: str) -> None:
    assert stance(question, ["Gout is treated with colchicine."]) == expected
