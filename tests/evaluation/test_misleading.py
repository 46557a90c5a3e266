"""Answers that share words with the right one are wrong if they say something else."""

from __future__ import annotations

import time
from typing import Any

import pytest

from medrag.evaluation.judgement import judge, lead
from medrag.types import Answer, Example, QuestionKind


def is_right(text: str, question: str, *, stance: str = "", **known: Any) -> bool | None:
    """Whether an answer, of which nothing was removed, is right."""
    example = Example("q", question, **({"answer": ""} | known))
    return judge(example, Answer(question, text, False, 0.5, (), (), stance=stance)).right


def names(*exact: str, kind: str = "factoid") -> dict[str, Any]:
    things = (exact,) if kind == "factoid" else tuple((one,) for one in exact)
    return {"kind": QuestionKind(kind), "exact": things}


NAMES = [
    ("Which drug reverses dabigatran?", ("idarucizumab",),
     ["Idarucizumab, an antibody fragment, restores clotting.",
      "The antidote is idarucizumab; andexanet alfa does not work.",
      "Idarucizumab has no effect on apixaban but reverses dabigatran.",
      "Our data suggest that it is well tolerated and reversed by idarucizumab."],
     ["Idarucizumab does nothing here; protamine reverses it.",
      "Idarucizumab has no influence on dabigatran.",
      "Idarucizumab turned out to be ineffective.",
      "Idarucizumab has nothing to do with dabigatran.",
      "Andexanet alfa was tested against idarucizumab and reverses it.",
      "Idarucizumab, which failed, was replaced.",
      "Idarucizumab lacks any effect.", "Idarucizumab is of no use.",
      "Vitamin K. A registry compared it with idarucizumab in trauma.",
      "Andexanet alfa reverses it, and people who do not tolerate idarucizumab may have it.",
      "Andexanet alfa reverses it, also in people allergic to idarucizumab."]),
    ("Which gene is mutated in Huntington's disease?", ("HTT", "huntingtin"),
     ["HTT carries the repeat.", "HTT", "mutations in the huntingtin gene"],
     ["Regulators of HTT such as HAP40 are what is mutated.",
      "The gene is ATN1, which interacts with huntingtin.",
      "HTT in the twenty-first century", "Huntingtin and its friends", "HTT and beyond"]),
    ("Which enzyme does allopurinol inhibit?", ("xanthine oxidase",),
     ["It is turned into oxypurinol, an inhibitor of xanthine oxidase."],
     ["Febuxostat inhibits xanthine oxidase.", "Allopurinol has no effect on xanthine oxidase."]),
    ("What is the starting dose of ramipril?", ("2.5 mg once daily",),
     ["Start with 2.5 mg once daily.", "Ramipril is started at 2.5 mg once a day."],
     ["Bisoprolol is started at 2.5 mg once daily.",
      "Lisinopril is given once daily and amlodipine at 2.5 mg."]),
    ("What causes swollen ankles?", ("amlodipine",),
     ["Ankle swelling is a common side effect of amlodipine."], []),
]  # fmt: skip


@pytest.mark.parametrize(("question", "exact", "right", "wrong"), NAMES)
def test_a_name_in_another_role_is_not_the_answer(
    question: str, exact: tuple[str, ...], right: list[str], wrong: list[str]
) -> None:
    told = {text: is_right(text, question, **names(*exact)) for text in right + wrong}
    assert told == dict.fromkeys(right, True) | dict.fromkeys(wrong, False)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Ivermectin kills microfilariae, and doxycycline kills Wolbachia.", True),
        ("Dizziness is an adverse effect of ivermectin, moxidectin and doxycycline.", False),
        ("Resistance to ivermectin and doxycycline is spreading.", False),
        ("Ivermectin, moxidectin and doxycycline are all useless; suramin is used.", False),
        ("Ivermectin, moxidectin and doxycycline all fail.", False),
    ],
)
def test_a_list_in_another_role_is_not_the_answer(text: str, right: bool) -> None:
    known = names("ivermectin", "doxycycline", "moxidectin", kind="list")
    assert is_right(text, "Which drugs are used against onchocerciasis?", **known) is right


REFERENCES = [
    # Another route, dose or drug.
    ("How is status epilepticus treated first?",
     "Lorazepam 4 mg intravenously, repeated once after 10 minutes if seizures go on.",
     ["Give 4 mg of lorazepam into a vein; it may be repeated after 10 minutes if seizures go on."],
     ["Lorazepam 4 mg rectally, repeated once after 10 minutes if seizures go on.",
      "Levetiracetam intravenously, repeated once after 10 minutes if seizures go on."]),
    ("How does furosemide act?",
     "Furosemide inhibits the Na-K-2Cl cotransporter in the thick ascending limb, so that sodium "
     "and water are lost.",
     ["It blocks the Na-K-2Cl cotransporter, and sodium and water are lost."],
     ["Hydrochlorothiazide inhibits the NaCl cotransporter, so that sodium and water are lost.",
      "The Na-K-2Cl cotransporter inhibits furosemide in the thick ascending limb, so that sodium "
      "and water are lost."]),
    # Other people.
    ("What is the dose of vitamin D for adults?", "800 to 1000 units of colecalciferol a day.",
     ["Colecalciferol, 800 to 1000 units daily."],
     ["Breast-fed infants get 800 to 1000 units of colecalciferol a day.",
      "In children, colecalciferol is given, and 800 to 1000 units a day are needed."]),
    # Exchanged roles.
    ("How does cortisol act on ACTH?", "Cortisol inhibits the release of ACTH from the pituitary.",
     ["The release of ACTH from the pituitary is inhibited by cortisol."],
     ["ACTH inhibits the release of cortisol from the pituitary.",
      "Cortisol from the pituitary is inhibited by the release of ACTH."]),
    ("How are malaria and sickle cell trait related?",
     "Sickle cell trait protects against severe malaria caused by Plasmodium falciparum.",
     ["It protects against severe malaria."],
     ["Severe malaria caused by Plasmodium falciparum protects against sickle cell trait.",
      "Sickle cell trait causes severe malaria."]),
    # Another number or letter.
    ("Which cells does tisagenlecleucel target?", "It targets CD19-positive B cells.",
     ["B cells that carry CD19"], ["CD22-positive B cells.", "It targets CD20 on B cells."]),
    ("Which deficiency causes beriberi?", "A deficiency of vitamin B1 (thiamine).",
     ["Vitamin B1 deficiency"], ["A deficiency of vitamin B12."]),
    ("What is spinocerebellar ataxia 2?",
     "A progressive disorder with uncoordinated movement, slow eye movement and muscle wasting.",
     ["Spinocerebellar ataxia type 2 is a progressive disorder with uncoordinated movement."],
     ["Spinocerebellar ataxia 3 is a progressive disorder with uncoordinated movement."]),
    # The same words, scattered.
    ("What does an INR of 2 to 3 mean?",
     "It is the target range of warfarin, in which strokes are prevented without much bleeding.",
     ["The target range of warfarin."],
     ["Warfarin interacts with clarithromycin, which causes bruises, and strokes are common."]),
    # What is left out is no contradiction.
    ("When is metformin stopped?",
     "Metformin is stopped when the eGFR is below 30, and before contrast media are given if the "
     "eGFR is below 45.",
     ["Metformin is stopped when the eGFR is below 30."],
     ["Metformin is stopped when the eGFR is above 30."]),
    ("How is gout treated?",
     "Allopurinol is given for life if attacks recur, unless the patient carries HLA-B*58:01.",
     ["Allopurinol is given for life if attacks recur.", "Allopurinol is given for life."],
     ["Allopurinol is never given for life if attacks recur."]),
    ("When is rabies vaccine given?",
     "Rabies vaccine is given after a bite only when the animal cannot be observed for 10 days.",
     ["Rabies vaccine is given after a bite when the animal cannot be observed."],
     ["Rabies vaccine is never given after a bite when the animal cannot be observed."]),
]  # fmt: skip


@pytest.mark.parametrize(("question", "reference", "right", "wrong"), REFERENCES)
def test_shared_words_are_not_enough_and_omissions_are_no_contradiction(
    question: str, reference: str, right: list[str], wrong: list[str]
) -> None:
    told = {text: is_right(text, question, answer=reference) for text in right + wrong}
    assert told == dict.fromkeys(right, True) | dict.fromkeys(wrong, False)


@pytest.mark.parametrize(
    ("text", "stance", "said"),
    [
        ("Infarctions were as frequent with vitamin E as with placebo.", "yes", "no"),
        ("Infarctions were no less frequent with vitamin E than with placebo.", "yes", "no"),
        ("Infarctions were no rarer with vitamin E than with placebo.", "yes", "no"),
        ("Infarctions fell as much with vitamin E as with placebo.", "yes", "no"),
        ("The rate was identical in the vitamin E and the placebo group.", "yes", "no"),
        ("Infarctions were less frequent with vitamin E than with placebo.", "yes", "yes"),
        ("Fewer had one than with placebo; no effect on strokes was seen.", "yes", "yes"),
    ],
)
def test_no_better_than_a_placebo_is_no(text: str, stance: str, said: str) -> None:
    question = "Does vitamin E prevent infarctions?"
    for wanted in ("yes", "no"):
        known: dict[str, Any] = {"kind": QuestionKind.yes_no, "exact": ((wanted,),)}
        assert is_right(text, question, stance=stance, **known) is (wanted == said)


@pytest.mark.parametrize(
    ("text", "question", "said"),
    [
        ("An ACE inhibitor should not be combined with an ARB.",
         "Should lisinopril and losartan be combined?", "no"),
        ("An ACE inhibitor can be combined with an ARB.",
         "Should lisinopril and losartan be combined?", "yes"),
        ("Allopurinol should not be stopped.", "Should allopurinol be stopped?", "no"),
        ("Allopurinol should not be stopped.", "Should allopurinol be continued?", "yes"),
        ("Metformin is stopped below 30.", "Should metformin be given at an eGFR of 40?", ""),
        ("It is a commonly used drug.", "Is digoxin use associated with cancer?", ""),
    ],
)  # fmt: skip
def test_what_is_forbidden_or_allowed_is_said_without_a_stance(
    text: str, question: str, said: str
) -> None:
    for wanted in ("yes", "no"):
        known: dict[str, Any] = {"kind": QuestionKind.yes_no, "exact": ((wanted,),)}
        assert is_right(text, question, **known) is (wanted == said)


ROLES = [
    ("Which drug should be stopped 48 hours before iodinated contrast?", "metformin",
     ["Metformin should be stopped, and ramipril may be continued.",
      "Contrast can harm the kidneys, and metformin should be stopped before it."],
     ["Ramipril should be stopped, and metformin may be continued."]),
    ("Which drug is first line for Lyme disease?", "doxycycline",
     ["Doxycycline; amoxicillin is used for children with Lyme disease.",
      "Doxycycline is given, and amoxicillin is an alternative for children with Lyme disease."],
     ["Amoxicillin is first line; doxycycline is reserved for those who cannot take it."]),
    ("What is the most common cause of pneumonia?", "Streptococcus pneumoniae",
     ["Streptococcus pneumoniae, followed by Mycoplasma pneumoniae."],
     ["Mycoplasma pneumoniae is the most common cause, followed by Streptococcus pneumoniae."]),
    ("Which organism causes whooping cough?", "Bordetella pertussis",
     ["Bordetella pertussis is a gram-negative coccobacillus, and it causes whooping cough.",
      "Whooping cough is an infection of the airways, and Bordetella pertussis causes it.",
      "It is caused by a bacterium. The germ is Bordetella pertussis.",
      "A small gram-negative bacterium, which is called Bordetella pertussis.",
      "Bordetella pertussis spreads in droplets, and the bacterium causes whooping cough."],
     ["Haemophilus influenzae causes whooping cough, and Bordetella pertussis is harmless."]),
    ("Which enzyme is inhibited by allopurinol?", "xanthine oxidase",
     ["Allopurinol lowers uric acid, and it does so by blocking xanthine oxidase."],
     ["Allopurinol inhibits cyclooxygenase, whereas xanthine oxidase breaks down purines."]),
    ("Which nerve is compressed in carpal tunnel syndrome?", "median nerve",
     ["The median nerve; the ulnar nerve is spared.",
      "The carpal tunnel is narrow, and the median nerve is compressed in it."],
     ["The ulnar nerve; the median nerve is spared.",
      "The ulnar nerve, which runs beside the median nerve."]),
    ("Which drug is used to treat absence seizures?", "ethosuximide",
     ["Absence seizures are brief lapses of awareness, and ethosuximide stops them.",
      "Many drugs are used to treat seizures, and ethosuximide is the one for absences."],
     ["Phenytoin is used to treat absence seizures, whereas ethosuximide makes them worse."]),
    ("Which drug reverses heparin?", "protamine",
     ["Vitamin K does not reverse heparin; protamine does."],
     ["Vitamin K reverses heparin; protamine does not."]),
    ("Which gene is mutated in cystic fibrosis?", "CFTR",
     ["CFTR, on chromosome 7."],
     ["The gene next to CFTR on chromosome 7 is mutated most often."]),
    ("Which drug is first line for hypertension in pregnancy?", "labetalol",
     ["Ramipril should be replaced by labetalol."],
     ["Labetalol should be replaced by ramipril."]),
    ("What is the maximum daily dose of paracetamol?", "4 g",
     ["1 g every four to six hours; at most 4 g a day."],
     ["1 g every four hours; the 4 g limit does not apply to healthy adults."]),
]  # fmt: skip


@pytest.mark.parametrize(("question", "exact", "right", "wrong"), ROLES)
def test_of_two_things_named_the_one_with_the_predicate_is_the_answer(
    question: str, exact: str, right: list[str], wrong: list[str]
) -> None:
    for text in (*right, *wrong):
        assert is_right(text, question, **names(exact)) is (text in right), text


def test_after_a_name_and_an_auxiliary_other_names_answer_no_more() -> None:
    known = names("amiodarone", "sotalol", kind="list")
    question = "Which drugs prolong the QT interval?"
    later = "Amiodarone is monitored by thyroid tests; sotalol is cleared by the kidneys."
    assert is_right(f"Amlodipine does. {later}", question, **known) is False
    assert is_right(f"Amiodarone does. {later}", question, **known)


@pytest.mark.parametrize(
    ("question", "reference", "right", "wrong"),
    [
        ("Who is offered a scan of the aorta?", "Men aged 65 are offered an ultrasound scan.",
         "In the year they turn 65, men are offered an ultrasound scan.",
         "Women aged 65 are offered an ultrasound scan."),
        ("Who needs 5 mg of folic acid?", "Pregnant women with epilepsy need 5 mg daily.",
         "Women with epilepsy who are pregnant need 5 mg daily.",
         "Breastfeeding women with epilepsy need 5 mg daily."),
        ("What protects the heart in hyperkalaemia?",
         "Calcium gluconate is given to stabilise the myocardium.",
         "Intravenous calcium is given to stabilise the myocardium.",
         "Calcium resonium is given to stabilise the myocardium."),
    ],
)  # fmt: skip
def test_other_people_or_another_salt_is_a_difference(
    question: str, reference: str, right: str, wrong: str
) -> None:
    assert is_right(right, question, answer=reference)
    assert is_right(wrong, question, answer=reference) is False


@pytest.mark.parametrize(
    ("question", "nuggets", "right", "wrong"),
    [
        ("What causes microcytic anaemia?", ("iron deficiency", "thalassaemia"),
         "Iron deficiency is the commonest cause; thalassaemia comes next.",
         "Iron deficiency and thalassaemia cause macrocytic anaemia."),
        ("What causes microcytic anaemia?", ("iron deficiency",),
         "Iron deficiency is likely if ferritin is low.",
         "Iron deficiency is excluded by a normal ferritin."),
        ("When is warfarin stopped?", ("stop 5 days before surgery",),
         "It should be stopped five days before surgery and restarted on the same evening.",
         "It is continued until the day of surgery and restarted five days later."),
    ],
)  # fmt: skip
def test_a_nugget_is_not_held_if_denied_or_said_of_the_opposite(
    question: str, nuggets: tuple[str, ...], right: str, wrong: str
) -> None:
    assert is_right(right, question, nuggets=nuggets)
    assert is_right(wrong, question, nuggets=nuggets) is False


def test_a_text_of_thousands_of_words_is_judged_at_once() -> None:
    row = "; ".join(f"drug {n} at {n} mg for {n % 9 + 2} days" for n in range(1, 120))
    other = row.replace("mg", "g")
    started = time.process_time()
    for known in (names(row), {"answer": row}):
        assert is_right(row, "What are the doses?", **known)
    assert is_right(other, "What are the doses?", **names(row)) is False
    assert time.process_time() - started < 10


def test_the_question_at_the_start_of_a_reference_is_not_what_is_wanted() -> None:
    reference = "What causes rickets? Rickets is caused by a lack of vitamin D."
    assert lead(reference) == "Rickets is caused by a lack of vitamin D."
    assert is_right("A lack of vitamin D.", "Why do people get it?", answer=reference)
    assert lead("What causes rickets?") == "What causes rickets?"
