"""Contractions and ages in questions: what is written in full, and what stays as it is."""

from __future__ import annotations

import pytest

from medrag.text.questions import in_full


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("What's the dose of apixaban?", "What is the dose of apixaban?"),
        ("what’s gout", "what is gout"),
        ("Whats gout?", "What is gout?"),
        ("Who's it for, and how's it given?", "Who is it for, and how is it given?"),
        ("When's it given and where`s the pain?", "When is it given and where is the pain?"),
        ("I'm pregnant; it’s safe?", "I am pregnant; it is safe?"),
        ("I've gout. What're the risks?", "I have gout. What are the risks?"),
        ("I'd like to know; what'll help?", "I would like to know; what will help?"),
        ("Isn't aspirin safe?", "Is aspirin safe?"),
        ("Doesn’t it cause gout?", "Does it cause gout?"),
        ("Can't I take aspirin?", "Can I take aspirin?"),
        ("I have gout. Shouldn't I take aspirin?", "I have gout. Should I take aspirin?"),
        ("cant my child take it, and won't it work", "can my child take it, and will it not work"),
        ("Why isn't aspirin given?", "Why is not aspirin given?"),
        ("Why can't I take aspirin?", "Why can I not take aspirin?"),
        ("Who shouldn't take aspirin?", "Who should not take aspirin?"),
        ("What if it doesnt work or won't help?", "What if it does not work or will not help?"),
        ("Don't stop aspirin, right?", "Do not stop aspirin, right?"),
    ],
)
def test_contractions_are_written_in_full(written: str, read: str) -> None:
    assert in_full(written) == read


@pytest.mark.parametrize(
    "question",
    [
        "What is Crohn's disease?",
        "Is St John’s wort safe with the patient's tablets?",
        "Were its effects well known, and when were they ill?",
        "What is the IM dose, and what hows of treatment are there?",
        "Is the mother's milk safe?",
    ],
)
def test_what_is_no_contraction_stays(question: str) -> None:
    assert in_full(question) == question


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("my child is 3 what dose", "my child is 3 years old what dose"),
        ("My son is 3. What dose?", "My son is 3 years old. What dose?"),
        ("my son's 3, what dose", "my son's 3 years old, what dose"),
        ("My daughter just turned 7. How much?", "My daughter just turned 7 years old. How much?"),
        ("My kid (3) has a cough", "My kid (3 years old) has a cough"),
        ("my son, 4, has a cough", "my son, 4 years old, has a cough"),
        ("my baby is 6 months. What dose?", "my baby is 6 months old. What dose?"),
        ("my baby is 3 weeks, is it safe", "my baby is 3 weeks old, is it safe"),
        ("She is three and has a cough", "She is 3 years old and has a cough"),
        ("the patient is 82 and frail", "the patient is 82 years old and frail"),
        ("My husband is 67 with gout", "My husband is 67 years old with gout"),
        ("I'm 70, what dose?", "I am 70 years old, what dose?"),
        ("dose for a 3yo", "dose for a 3 years old"),
        ("dose for a 3 y.o. boy", "dose for a 3 years old boy"),
        ("my son is 3 yo", "my son is 3 years old"),
        ("a three-year-old boy", "a 3 years old boy"),
        ("a 6 mo old", "a 6 months old"),
    ],
)
def test_ages_get_their_unit(written: str, read: str) -> None:
    assert in_full(written) == read


@pytest.mark.parametrize(
    "question",
    [
        "my son is 3 kg what dose",
        "my baby is 3.5 kg",
        "my patient is 3 days after surgery",
        "my wife is 12 weeks. What dose?",
        "the patient is 24 weeks pregnant",
        "my child is 39, what dose of paracetamol",
        "my baby is 5 and has a cough",
        "the potassium of my mother is 6, what now?",
        "the patient is 3 to 5 points worse",
        "the patient is 80/50",
        "my son is 3-4 times worse",
        "The patients (12) died",
        "12 children (3) and 5 mg",
        "the child is 3rd in line",
        "Does a child (3 mg/kg) need less?",
        "the dose is 3, is it too much?",
        "the patient is one who has gout",
        "the patient is 3 and 5 mg did not help",
    ],
)
def test_a_number_that_may_be_no_age_stays(question: str) -> None:
    assert in_full(question) == question
