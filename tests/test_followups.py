"""Follow-up questions are made to stand alone, and never get a subject that they do not have."""

from __future__ import annotations

import pytest

from medrag.errors import ModelError
from medrag.followups import refers_back, standalone
from medrag.generation.prompts import Pieces, Prompt, Reply
from medrag.rewriting import in_full
from medrag.subjects import subjects

# (the question before, the follow-up, the follow-up in full)
COMPLETED = [
    (
        "What is the maximum dose of metformin?",
        "Is it safe in pregnancy?",
        "Is metformin safe in pregnancy?",
    ),
    ("What is metformin used for?", "How does it work?", "How does metformin work?"),
    (
        "Is aspirin safe for children with influenza?",
        "Can it be given with ibuprofen?",
        "Can aspirin be given with ibuprofen?",
    ),
    ("What causes gout?", "How is it treated?", "How is gout treated?"),
    (
        "What is septic shock?",
        "How soon must it be treated?",
        "How soon must septic shock be treated?",
    ),
    (
        "What are the symptoms of type 2 diabetes?",
        "Can it be prevented?",
        "Can type 2 diabetes be prevented?",
    ),
    (
        "What are the side effects of statins?",
        "Are they safe in pregnancy?",
        "Are statins safe in pregnancy?",
    ),
    (
        "How does warfarin work?",
        "What are its side effects?",
        "What are the side effects of warfarin?",
    ),
    (
        "What is the dose of amoxicillin in adults?",
        "Can this drug be used in children?",
        "Can amoxicillin be used in children?",
    ),
    ("How is gout diagnosed?", "Is this condition inherited?", "Is gout inherited?"),
    (
        "What is the dose of allopurinol in gout?",
        "What are the side effects of this medicine?",
        "What are the side effects of allopurinol?",
    ),
    (
        "What are the complications of coeliac disease?",
        "How common is it?",
        "How common is coeliac disease?",
    ),
    (
        "What is the half-life of digoxin?",
        "What if it is stopped suddenly?",
        "What if digoxin is stopped suddenly?",
    ),
    (
        "What is the dose of paracetamol in adults?",
        "and in children?",
        "What is the dose of paracetamol in children?",
    ),
    (
        "What is the dose of amoxicillin?",
        "And in children?",
        "What is the dose of amoxicillin in children?",
    ),
    (
        "Is ibuprofen safe in pregnancy?",
        "what about breastfeeding?",
        "Is ibuprofen safe in breastfeeding?",
    ),
    (
        "What is the maximum dose of metformin?",
        "What about in renal impairment?",
        "What is the maximum dose of metformin in renal impairment?",
    ),
    (
        "What is the dose of amoxicillin?",
        "and for a child of 3 years?",
        "What is the dose of amoxicillin for a child of 3 years?",
    ),
    (
        "Is aspirin recommended for adults with fever?",
        "and for children?",
        "Is aspirin recommended for children with fever?",
    ),
    (
        "What is the maximum dose of glipizide?",
        "and metformin?",
        "What is the maximum dose of metformin?",
    ),
    ("Is aspirin safe in pregnancy?", "What about ibuprofen?", "Is ibuprofen safe in pregnancy?"),
    ("What are the symptoms of gout?", "and of asthma?", "What are the symptoms of asthma?"),
    ("What causes gout?", "How about asthma?", "What causes asthma?"),
    (
        "What is the dose of allopurinol in gout?",
        "and colchicine?",
        "What is the dose of colchicine in gout?",
    ),
    (
        "What is the mechanism of metformin?",
        "What about the dose?",
        "What is the dose of metformin?",
    ),
    ("What are the symptoms of gout?", "and the causes?", "What are the causes of gout?"),
    ("What is measles?", "symptoms?", "What are the symptoms of measles?"),
    (
        "What is metformin used for?",
        "and its side effects?",
        "What are the side effects of metformin?",
    ),
    (
        "What is coeliac disease?",
        "What is the treatment?",
        "What is the treatment of coeliac disease?",
    ),
    (
        "How does warfarin work?",
        "What are the side effects?",
        "What are the side effects of warfarin?",
    ),
    (
        "What is metformin used for?",
        "What is the maximum dose in children?",
        "What is the maximum dose of metformin in children?",
    ),
    (
        "Should antibiotics be given in cellulitis?",
        "How long?",
        "How long should antibiotics be given in cellulitis?",
    ),
    (
        "Is metformin given in renal failure?",
        "How often?",
        "How often is metformin given in renal failure?",
    ),
    (
        "Is aspirin avoided in children with influenza?",
        "Why?",
        "Why is aspirin avoided in children with influenza?",
    ),
    (
        "Can ibuprofen be given to children?",
        "how much?",
        "How much ibuprofen can be given to children?",
    ),
    ("What is metformin?", "Do I have to fast for it?", "Do I have to fast for metformin?"),
    ("What is metformin?", "How much does it cost?", "How much does metformin cost?"),
    (
        "What is the dose of metformin?",
        "What is the dose for adults with type 2 diabetes?",
        "What is the dose of metformin for adults with type 2 diabetes?",
    ),
    (
        "Is it safe to give aspirin to children?",
        "and ibuprofen?",
        "Is it safe to give ibuprofen to children?",
    ),
    ("What is the dose of amoxicillin?", "how often?", "How often is amoxicillin given?"),
    (
        "What is the treatment for malaria?",
        "and in pregnancy?",
        "What is the treatment for malaria in pregnancy?",
    ),
    (
        "Which antibodies are found in myasthenia gravis?",
        "How is it treated?",
        "How is myasthenia gravis treated?",
    ),
    (
        "How soon must antibiotics be given in septic shock?",
        "and in meningitis?",
        "How soon must antibiotics be given in meningitis?",
    ),
    (
        "What is the starting dose of allopurinol?",
        "Is it safe while breastfeeding?",
        "Is allopurinol safe while breastfeeding?",
    ),
    (
        "What is prednisolone used for?",
        "Should it be taken with food?",
        "Should prednisolone be taken with food?",
    ),
    ("What is multiple sclerosis?", "How is it diagnosed?", "How is multiple sclerosis diagnosed?"),
    (
        "What are the causes of rheumatoid arthritis?",
        "Is it hereditary?",
        "Is rheumatoid arthritis hereditary?",
    ),
    (
        "What are the risks of NSAIDs?",
        "Do they raise blood pressure?",
        "Do NSAIDs raise blood pressure?",
    ),
    ("How is digoxin given?", "What is its half-life?", "What is the half-life of digoxin?"),
    (
        "What is the dose of gentamicin?",
        "Does that drug damage the kidneys?",
        "Does gentamicin damage the kidneys?",
    ),
    (
        "How is hypothyroidism treated?",
        "What are the symptoms of this disease?",
        "What are the symptoms of hypothyroidism?",
    ),
    (
        "Is warfarin safe in pregnancy?",
        "Does it cross the placenta?",
        "Does warfarin cross the placenta?",
    ),
    (
        "What is the dose of ibuprofen in children?",
        "and in adults?",
        "What is the dose of ibuprofen in adults?",
    ),
    ("Is codeine safe for adults?", "and for children?", "Is codeine safe for children?"),
    ("Is ramipril safe?", "In pregnancy?", "Is ramipril safe in pregnancy?"),
    (
        "What is the dose of vancomycin?",
        "what about in dialysis?",
        "What is the dose of vancomycin in dialysis?",
    ),
    (
        "Can simvastatin be taken with grapefruit?",
        "And atorvastatin?",
        "Can atorvastatin be taken with grapefruit?",
    ),
    ("How is influenza treated?", "and pneumonia?", "How is pneumonia treated?"),
    (
        "What are the side effects of amiodarone?",
        "what about digoxin?",
        "What are the side effects of digoxin?",
    ),
    ("What is psoriasis?", "What about treatment?", "What is the treatment of psoriasis?"),
    (
        "What is apixaban?",
        "And the contraindications?",
        "What are the contraindications of apixaban?",
    ),
    ("What is malaria?", "How is the diagnosis made?", "How is the diagnosis of malaria made?"),
    ("What is lupus?", "what are the symptoms?", "What are the symptoms of lupus?"),
    (
        "Must penicillin be given in rheumatic fever?",
        "how long?",
        "How long must penicillin be given in rheumatic fever?",
    ),
    (
        "Should metformin be stopped before surgery?",
        "why?",
        "Why should metformin be stopped before surgery?",
    ),
    (
        "What is clopidogrel?",
        "Why is it given after a stent?",
        "Why is clopidogrel given after a stent?",
    ),
    ("What is metformin?", "tell me more about it", "Tell me more about metformin"),
    (
        "What is the usual dose of ramipril?",
        "And the maximum?",
        "What is the maximum dose of ramipril?",
    ),
    (
        "What is the usual dose of ramipril?",
        "what about the maximum dose?",
        "What is the maximum dose of ramipril?",
    ),
    ("What is atrial fibrillation?", "how is it managed?", "How is atrial fibrillation managed?"),
    ("What is atrial fibrillation?", "what causes it?", "What causes atrial fibrillation?"),
    ("What is atrial fibrillation?", "what causes this?", "What causes atrial fibrillation?"),
    ("What is atrial fibrillation?", "who gets it?", "Who gets atrial fibrillation?"),
    (
        "How is pneumonia treated in adults?",
        "and in pregnant women?",
        "How is pneumonia treated in pregnant women?",
    ),
    (
        "How is pneumonia treated in adults?",
        "what about elderly patients?",
        "How is pneumonia treated in elderly patients?",
    ),
    (
        "What is the dose of morphine?",
        "and for a 70-year-old?",
        "What is the dose of morphine for a 70-year-old?",
    ),
    (
        "Is warfarin safe in pregnancy?",
        "and while breastfeeding?",
        "Is warfarin safe while breastfeeding?",
    ),
    ("Is warfarin safe in pregnancy?", "and apixaban?", "Is apixaban safe in pregnancy?"),
    ("Is warfarin safe in pregnancy?", "or heparin?", "Is heparin safe in pregnancy?"),
    (
        "What is the first-line treatment for hypertension?",
        "in black patients?",
        "What is the first-line treatment for hypertension in black patients?",
    ),
    (
        "What is the first-line treatment for hypertension?",
        "and diabetes?",
        "What is the first-line treatment for diabetes?",
    ),
    (
        "What is the incubation period of measles?",
        "and of mumps?",
        "What is the incubation period of mumps?",
    ),
    ("What is the incubation period of measles?", "how is it spread?", "How is measles spread?"),
    (
        "What is the incubation period of measles?",
        "complications?",
        "What are the complications of measles?",
    ),
    (
        "Does allopurinol prevent gout attacks?",
        "what is its dose?",
        "What is the dose of allopurinol?",
    ),
    (
        "Does allopurinol prevent gout attacks?",
        "how long must it be taken?",
        "How long must allopurinol be taken?",
    ),
    ("What is the antidote to heparin?", "and warfarin?", "What is the antidote to warfarin?"),
    (
        "Should children with croup get dexamethasone?",
        "and adults?",
        "Should adults with croup get dexamethasone?",
    ),
    (
        "What is the recommended dose of vitamin D?",
        "and in winter?",
        "What is the recommended dose of vitamin D in winter?",
    ),
    ("What is psoriasis?", "is it an autoimmune disease?", "Is psoriasis an autoimmune disease?"),
    ("What is psoriasis?", "does it run in families?", "Does psoriasis run in families?"),
    ("What is psoriasis?", "what are its triggers?", "What are the triggers of psoriasis?"),
    ("What is cancer of the pancreas?", "is it curable?", "Is cancer of the pancreas curable?"),
    (
        "How much paracetamol can adults take?",
        "and children?",
        "How much paracetamol can children take?",
    ),
    ("Is penicillin allergy common?", "how is it tested?", "How is penicillin allergy tested?"),
    ("What is cellulitis?", "Is it an emergency?", "Is cellulitis an emergency?"),
    (
        "What is cellulitis?",
        "If it spreads, what should I do?",
        "If cellulitis spreads, what should I do?",
    ),
    (
        "What is cellulitis?",
        "what happens when it is not treated?",
        "What happens when cellulitis is not treated?",
    ),
    ("What is cellulitis?", "What makes it worse?", "What makes cellulitis worse?"),
    (
        "What is cellulitis?",
        "How long until it gets better?",
        "How long until cellulitis gets better?",
    ),
]

# (the question before, a question that stands alone or leaves a doubt)
UNCHANGED = [
    ("Does ibuprofen interact with lithium?", "And is it safe in children?"),
    ("What is the maximum dose of metformin?", "What is gout?"),
    ("What is the maximum dose of metformin?", "Is it safe to give aspirin to children?"),
    ("What is the maximum dose of metformin?", "Is it true that statins cause muscle pain?"),
    ("What is gout?", "How long does it take to recover from pneumonia?"),
    ("What is gout?", "What is sepsis and how is it treated?"),
    ("What is the dose of metformin?", "And what is the dose of glipizide?"),
    ("What is gout?", "What are the symptoms of asthma?"),
    ("What is gout?", "Which antibodies are found in myasthenia gravis?"),
    ("What is gout?", "If a dose of warfarin is missed, should it be doubled?"),
    ("What is gout?", "What drugs are given for heart failure?"),
    ("What is gout?", "Is there a vaccine against malaria?"),
    ("What is gout?", "Why does metformin cause lactic acidosis?"),
    ("What is gout?", "What is the normal potassium level?"),
    ("What is gout?", "What is the treatment for cellulitis?"),
    ("What is gout?", "HbA1c>=7=bad?"),
    ("What is gout?", "What is the first aid for a person who has a seizure?"),
    ("What is gout?", "metformin kidney function"),
    ("What is the dose of metformin?", "When should patients with asthma get their vaccine?"),
    ("What is metformin?", "Does the drug colchicine help in gout?"),
    ("What is gout?", "What is the dose?"),
    ("Which is better, metformin or glipizide?", "Is it safe in pregnancy?"),
    ("Does smoking cause lung cancer?", "Is it dangerous?"),
    ("What is gout?", "and then?"),
    ("What is gout?", "thanks"),
    ("What is the dose of metformin and of glipizide?", "and insulin?"),
    ("What is gout?", "Are they safe in pregnancy?"),
    ("What is aspirin?", "Is this condition inherited?"),
    ("What is gout?", "Can you say more?"),
    ("What is gout?", "Why?"),
    ("What is the dose of metformin in diabetes?", "Is it serious?"),
    ("What is gout?", "Is there an alternative to allopurinol?"),
    ("What is gout?", "my knee hurts, is it gout?"),
    ("What is gout?", "How do I know that it is broken?"),
    ("What is gout?", "Who won the chess tournament?"),
    ("What is gout?", "How is severe malaria treated?"),
    ("What is gout?", "Can I drink alcohol?"),
    ("What is gout?", "and the weather?"),
    ("What is gout?", "What is the capital of France?"),
    ("What is gout?", "Is surgery needed?"),
    ("What is the dose of metformin?", "How should hypoglycaemia be treated in children?"),
    ("What is the dose of metformin?", "It is 5 am, what time is it safe to eat?"),
    ("What are the symptoms of gout?", "What about the treatment of asthma?"),
    ("What are the symptoms of gout?", "Which of these is the most serious?"),
    ("What is the dose of amoxicillin for otitis media in children?", "how long?"),
    ("What is the dose of amoxicillin in children?", "and 5 mg?"),
    ("What prevents gout?", "What is the dose?"),
    ("How soon must antibiotics be given in septic shock?", "which ones?"),
    ("What is clopidogrel?", "Is it necessary to fast before a lipid test?"),
    ("What is clopidogrel?", "How is tuberculosis spread and can it be prevented?"),
    ("What is clopidogrel?", "Does it matter when levothyroxine is taken?"),
    ("What is clopidogrel?", "How much water should a patient with heart failure drink?"),
    ("What is clopidogrel?", "What is the role of surgery in Crohn's disease?"),
    ("What is clopidogrel?", "and how is asthma treated?"),
    ("What is clopidogrel?", "Can people with epilepsy drive if they take their tablets?"),
    ("What is clopidogrel?", "What does it mean if troponin is raised?"),
    ("What is clopidogrel?", "dose of adrenaline in anaphylaxis"),
    ("What is clopidogrel?", "Is it contagious?"),
    ("Is heparin or warfarin better?", "Does it need monitoring?"),
    ("What is eczema?", "and why?"),
    ("What is eczema?", "What is the maximum dose?"),
    ("Do statins prevent strokes?", "Are they common?"),
    ("What is eczema?", "ok"),
    ("Can aspirin be given with warfarin?", "Is it safe?"),
    ("What is eczema?", "What is the antidote to paracetamol?"),
    ("Can clarithromycin be taken with simvastatin?", "why not?"),
    ("What is atrial fibrillation?", "who is at risk?"),
    ("How is pneumonia treated?", "and if the patient is allergic to penicillin?"),
    ("What are the side effects of prednisolone?", "are there any in children?"),
    ("Is warfarin safe in pregnancy?", "what should be used instead?"),
    ("Is warfarin safe in pregnancy?", "Does heparin cross the placenta?"),
    ("What is the first-line treatment for hypertension?", "when should it be started?"),
    ("What is the incubation period of measles?", "is there a vaccine for it?"),
    ("Does allopurinol prevent gout attacks?", "does febuxostat?"),
    ("Does allopurinol prevent gout attacks?", "And does colchicine prevent them?"),
    ("What is the antidote to heparin?", "what is its half-life?"),
    ("Should children with croup get dexamethasone?", "what dose?"),
    ("Is sertraline safe in children?", "In what dose?"),
    ("What is a migraine?", "Can I take aspirin for it?"),
    ("What is a migraine?", "is this normal in pregnancy?"),
    ("What is a migraine?", "That's all"),
    ("What is a migraine?", "It is raining"),
    ("What is a migraine?", "How about we talk about asthma instead?"),
    ("What is a migraine?", "what are the red flags for headache?"),
    ("What is a migraine?", "what is the dose of sumatriptan?"),
    ("What is the dose of sumatriptan?", "and is that the same in the elderly?"),
    ("What is the dose of sumatriptan?", "what is the treatment?"),
    ("Is lithium safe?", "What level is toxic?"),
    ("What is the target INR for warfarin?", "how often should it be checked?"),
    ("What is psoriasis?", "Which creams help?"),
    ("What is psoriasis?", "treatment options?"),
    ("What is psoriasis?", "how does methotrexate help?"),
    ("What is psoriasis?", "Is it true?"),
    ("What vaccines are given in pregnancy?", "are they safe?"),
    ("When is insulin needed in type 2 diabetes?", "and type 1?"),
    ("When is insulin needed in type 2 diabetes?", "how is it stored?"),
    ("What is cellulitis?", "what antibiotics are used?"),
    ("What is cellulitis?", "Who discovered penicillin?"),
    ("What is cellulitis?", "Is it ok to swim?"),
    ("What is cellulitis?", "Is it a good idea to drink milk with tetracycline?"),
    ("What is cellulitis?", "Does it help to raise the leg?"),
    ("What is cellulitis?", "What should the patient know?"),
]


@pytest.mark.parametrize(("before", "question", "full"), COMPLETED)
def test_a_follow_up_is_completed(before: str, question: str, full: str) -> None:
    assert standalone(question, before) == full


@pytest.mark.parametrize(("before", "question"), UNCHANGED)
def test_a_question_that_stands_alone_or_leaves_a_doubt_is_unchanged(
    before: str, question: str
) -> None:
    assert standalone(question, before) == question


@pytest.mark.parametrize("full", sorted({one[2] for one in COMPLETED}))
def test_a_question_in_full_stays_as_it_is(full: str) -> None:
    assert standalone(full, "What is the maximum dose of glipizide?") == full


FIBROSIS = "What is the treatment of pulmonary fibrosis?"
PNEUMONIA = "How is pneumonia treated?"
RIVAROXABAN = "What is the dose of rivaroxaban in pregnancy?"

# Follow-ups for certain, which get the one subject of the question before.
CARRIED = [
    (FIBROSIS, "and side effects?", "What are the side effects of the treatment of pulmonary "
     "fibrosis?"),
    (FIBROSIS, "and second-line?", "Second-line in pulmonary fibrosis?"),
    (PNEUMONIA, "for how long?", "How long is pneumonia treated?"),
    (PNEUMONIA, "how often?", "How often is pneumonia treated?"),
    (PNEUMONIA, "and if not tolerated?", "How is pneumonia treated if not tolerated?"),
    ("Which antibiotic is given for pneumonia?", "for how long?", "How long is pneumonia treated?"),
    ("How is CAP treated?", "what about in pregnancy?", "How is CAP treated in pregnancy?"),
    ("What is shingles?", "how long?", "How long does shingles last?"),
    (RIVAROXABAN, "for how long?", "How long is rivaroxaban given?"),
    ("What is the dose of amoxicillin in children?", "for how long?",
     "How long is amoxicillin given in children?"),
    ("How much paracetamol can adults take?", "how often?",
     "How often is paracetamol given in adults?"),
    ("What are the signs of acute severe asthma?", "and life threatening ones?",
     "Life threatening ones in acute severe asthma?"),
]  # fmt: skip

# Follow-ups for certain whose subject is unclear: none, or two, or one that it cannot be said of.
UNCLEAR = [
    ("What is it?", "and in children?"),
    ("Is metformin better than glipizide?", "and side effects?"),
    ("Does ibuprofen interact with lithium?", "and side effects?"),
    ("Does ibuprofen interact with lithium?", "And is it safe in children?"),
    ("What is the dose of amoxicillin for otitis media in children?", "how long?"),
    ("What is gout?", "how often?"),
    ("What is gout?", "and then?"),
    ("What is clopidogrel?", "and is it contagious?"),
]


@pytest.mark.parametrize(("before", "question", "full"), CARRIED)
def test_a_follow_up_for_certain_gets_the_subject(before: str, question: str, full: str) -> None:
    assert refers_back(question)
    assert standalone(question, before) == full
    assert not refers_back(full)


@pytest.mark.parametrize(("before", "question"), UNCLEAR)
def test_a_follow_up_for_certain_without_a_clear_subject_stays(before: str, question: str) -> None:
    assert refers_back(question)
    assert standalone(question, before) == question


@pytest.mark.parametrize(
    "question",
    [
        "What about asthma?",
        "and how is asthma treated?",
        "How long is TB treated?",
        "For how long should antibiotics be given?",
        "And what is the dose of glipizide?",
        "What are the side effects of isoniazid?",
        "how often should metformin be taken?",
        "What is the maximum dose?",
        "Which creams help?",
        "why?",
        "thanks",
    ],
)
def test_what_may_stand_alone_is_no_follow_up_for_certain(question: str) -> None:
    assert not refers_back(question)


def test_several_follow_ups_in_turn() -> None:
    question = "What is the dose of paracetamol in adults?"
    said = []
    for line in ("and in children?", "ibuprofen?", "and ibuprofen?", "is it safe in pregnancy?"):
        question = standalone(line, question)
        said.append(question)
    assert said[0] == "What is the dose of paracetamol in children?"
    assert said[1] == "ibuprofen?"  # a word alone may be a search of its own
    assert said[2:] == ["Ibuprofen?", "Is ibuprofen safe in pregnancy?"]


def test_names_are_found_whole() -> None:
    found = subjects("Is low-dose aspirin given in type 2 diabetes or Crohn's disease?")
    assert [(one.text, one.is_drug) for one in found] == [
        ("low-dose aspirin", True),
        ("type 2 diabetes", False),
        ("Crohn's disease", False),
    ]


# ------------------------------------------------------------------ with a model


class Writes:
    """A generator that writes what it is told to, and remembers what it was asked."""

    reads_messages = True

    def __init__(self, text: str | None) -> None:
        self.text = text
        self.prompts: list[Prompt] = []

    def generate(self, prompt: Prompt) -> Reply:
        self.prompts.append(prompt)
        if self.text is None:
            raise ModelError("there is no model")
        return Reply(self.text)

    def stream(self, prompt: Prompt) -> Pieces:
        yield from ()
        return self.generate(prompt)

    def close(self) -> None:
        pass


BEFORE = "What is the dose of 500 mg metformin tablets?"


@pytest.mark.parametrize(
    ("question", "written"),
    [
        ("is it safe in pregnancy?", "Is metformin safe during pregnancy?"),
        ("is it safe in pregnancy?", "“Is metformin safe during pregnancy?” [1]"),
        (
            "could she have it, 20 weeks pregnant?",
            "Can metformin be taken at 20 weeks of pregnancy?",
        ),
    ],
)
def test_a_model_writes_the_question_in_full(question: str, written: str) -> None:
    model = Writes(written)
    full = in_full(question, BEFORE, model)
    assert full == written.strip("“”").partition("” [")[0]
    (prompt,) = model.prompts
    assert question in prompt.messages[0]["content"]
    assert BEFORE in prompt.messages[0]["content"]


@pytest.mark.parametrize(
    "written",
    [
        "Yes, metformin is safe.",  # no question
        "Is glipizide safe in pregnancy?",  # another drug
        "Is it safe in pregnancy?",  # the drug is missing
        "Is metformin with insulin safe in pregnancy?",  # one more drug
        "Is metformin safe in pregnancy at 850 mg?",  # a number that nobody said
        "Is metformin safe in the first two weeks of pregnancy?",
        "Is metformin safe? Is it safe in pregnancy?",
        "Is metformin safe in pregnancy" + " indeed" * 80 + "?",
        "",
        None,
    ],
)
def test_what_a_model_may_not_change_is_left_to_the_rules(written: str | None) -> None:
    full = in_full("is it safe in pregnancy?", BEFORE, Writes(written))
    assert full == "Is metformin safe in pregnancy?"


def test_a_number_of_the_follow_up_is_kept() -> None:
    question = "could she have it, 20 weeks pregnant?"
    full = in_full(question, BEFORE, Writes("Can metformin be taken in pregnancy?"))
    assert full == "Could she have metformin, 20 weeks pregnant?"


def test_a_model_is_not_asked_about_a_question_that_stands_alone() -> None:
    model = Writes("What is asthma?")
    for question in ("What is gout?", "Is it safe to give aspirin to children?"):
        assert in_full(question, BEFORE, model) == question
    assert model.prompts == []
