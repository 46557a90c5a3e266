"""No test question may be seen in training, whatever questions share."""

from __future__ import annotations

import random
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag.dataset import SPLITS, leaks, question_key, split_by_document
from medrag.types import Example

# Few words and few documents, so that questions share both, also through chains.
QUESTIONS = st.sampled_from(
    ["Why gout?", "why GOUT", "Why, gout", "How so?", "How?", "how", "Which?", "???", ""]
)
DOCUMENTS = st.lists(st.sampled_from("abcdefghij"), max_size=3).map(tuple)
EXAMPLES = st.lists(
    st.builds(
        Example,
        id=st.sampled_from("123"),
        question=QUESTIONS,
        answer=st.just(""),
        documents=DOCUMENTS,
    )
    | st.builds(
        Example,
        id=st.just("x"),
        question=st.integers(0, 10**6).map(lambda n: f"What is {n}?"),
        answer=st.just(""),
        documents=DOCUMENTS,
    ),
    max_size=30,
)
SHARES = st.sampled_from([(0.1, 0.2), (0.0, 0.5), (0.3, 0.3), (0.45, 0.5), (0.0, 0.0)])


@settings(deadline=None, database=None)
@given(EXAMPLES, SHARES, st.integers(0, 5))
def test_splits_share_neither_documents_nor_wording(
    examples: list[Example], shares: tuple[float, float], seed: int
) -> None:
    splits = split_by_document(examples, *shares, seed)
    assert tuple(splits) == SPLITS
    assert sorted(map(id, examples)) == sorted(id(e) for s in splits.values() for e in s)
    for one, two in combinations(splits.values(), 2):
        assert {question_key(e.question) for e in one}.isdisjoint(
            question_key(e.question) for e in two
        )
        assert {d for e in one for d in e.documents}.isdisjoint(d for e in two for d in e.documents)
    # `leaks` does not use the grouping, so it checks it independently
    train = [(e.question, e.documents) for e in splits["train"]]
    for name in ("validation", "test"):
        assert leaks(train, [(e.question, e.documents) for e in splits[name]]) == ([], [])
    assert split_by_document(examples, *shares, seed) == splits


@settings(deadline=None, database=None)
@given(EXAMPLES, SHARES)
def test_no_split_grows_far_beyond_its_share(
    examples: list[Example], shares: tuple[float, float]
) -> None:
    splits = split_by_document(examples, *shares, seed=13)
    for share, name in zip(shares, ("validation", "test"), strict=True):
        wanted = round(share * len(examples))
        assert len(splits[name]) <= (wanted + max(2, wanted // 2) if wanted else 0)


def singletons(count: int) -> list[Example]:
    return [Example(f"q{n}", f"What is number {n}?", "It is.", (f"d{n}",)) for n in range(count)]


@pytest.mark.parametrize("seed", range(3))
def test_shares_are_met_exactly_when_every_group_is_one_question(seed: int) -> None:
    splits = split_by_document(singletons(200), 0.1, 0.2, seed)
    assert {name: len(members) for name, members in splits.items()} == {
        "train": 140,
        "validation": 20,
        "test": 40,
    }
    order = {example.id: place for place, example in enumerate(singletons(200))}
    for members in splits.values():  # a split keeps the order of the file
        places = [order[example.id] for example in members]
        assert places == sorted(places)
        # ... and is a sample of the file, not a section of it
        assert places[-1] - places[0] > 100


def test_shares_are_nearly_met_with_groups_of_many_sizes() -> None:
    draw = random.Random(0)
    examples = [
        Example(f"{n}", f"What is number {n}?", "", (f"d{int(draw.expovariate(1 / 20))}",))
        for n in range(400)
    ]
    splits = split_by_document(examples, 0.1, 0.2, seed=13)
    assert 80 <= len(splits["test"]) <= 100
    assert 40 <= len(splits["validation"]) <= 55


def test_the_seed_decides() -> None:
    drawn = {
        tuple(e.id for e in split_by_document(singletons(50), 0.1, 0.2, seed)["test"])
        for seed in range(5)
    }
    assert len(drawn) == 5


def test_a_question_keeps_its_split_when_the_file_is_reordered() -> None:
    examples = [Example(str(n), f"What is number {n}?", "", (f"d{n // 3}",)) for n in range(60)]
    before = split_by_document(examples, 0.1, 0.2, seed=13)
    for seed in range(3):
        shuffled = random.Random(seed).sample(examples, len(examples))
        # ids made from line numbers change with the lines
        shuffled = [
            Example(f"line {n}", e.question, e.answer, e.documents)
            for n, e in enumerate(shuffled, 1)
        ]
        after = split_by_document(shuffled, 0.1, 0.2, seed=13)
        for name in SPLITS:
            assert {e.question for e in before[name]} == {e.question for e in after[name]}


def test_questions_on_a_single_document_all_go_to_training() -> None:
    examples = [Example(str(n), f"Why {n}?", "", ("book",)) for n in range(20)]
    splits = split_by_document(examples, 0.1, 0.2, seed=13)
    assert [len(splits[name]) for name in SPLITS] == [20, 0, 0]


def test_a_chain_of_shared_documents_is_one_group() -> None:
    chain = [Example(str(n), f"Why {n}?", "", (f"d{n}", f"d{n + 1}")) for n in range(6)]
    for seed in range(10):
        splits = split_by_document([*chain, *singletons(30)], 0.2, 0.3, seed)
        homes = {name for name, members in splits.items() if set(chain) & set(members)}
        assert len(homes) == 1


def test_planted_leaks_are_found() -> None:
    train = [("What causes gout?", ("gout.txt", "a")), ("How is asthma treated?", ())]
    other = [
        ("what CAUSES  gout", ["b"]),  # case, spaces, punctuation
        ("How, is asthma treated??", ["gout.txt", "c"]),
        ("How, is asthma treated??", ["gout.txt"]),  # reported once
        ("What causes gouty pain?", ["a"]),
        ("Gout causes what?", []),  # other order, another question
    ]
    assert leaks(train, other) == (
        ["what CAUSES  gout", "How, is asthma treated??"],
        ["gout.txt", "a"],
    )
    assert leaks(train, [("Why?", ["z"])]) == ([], [])
    assert leaks([], other) == ([], [])


@pytest.mark.parametrize(
    "question",
    [
        "ＷＨＡＴ ｉｓ Ménière's disease with TNF-alpha?",  # full-width letters
        "What is Me\u0301nie\u0300re's disease with TNF-α?",  # accents as characters; Greek letters
        "What is Meniere\u2019s disease with TNF\u2011Α?",  # curly quotes; dashes; a capital alpha
        "\u201cWhat is Mé\u00adniè\u00adre\u2019s disease with TNF \u2013 α\u201d",  # soft hyphens
        "\ufeffWhat is Mén\u200bière\u2019s dis\u2060ease with T\u200dNF\u2212α\u2026",  # invisible
        "What\u00a0is   Meniere's\tdisease (with TNF/alpha)",
    ],
)
def test_spelling_does_not_hide_a_leak(question: str) -> None:
    train = [("What is Meniere's disease with TNF-alpha?", ())]
    assert leaks(train, [(question, ())]) == ([question], [])
    assert leaks(train, [(f"{question} in children", ())]) == ([], [])


def test_documents_meet_by_any_of_their_names() -> None:
    def shared(one: str, other: str) -> bool:
        _, documents = leaks([("Why?", [one])], [("How?", [other])])
        return documents == [other]

    for one, other in [
        ("notes.jsonl#gout", "gout"),
        ("PMID:1", "1"),
        ("articles.xml#PMID:1", "1"),
        ("articles.xml#PMID:1", "PMID:1"),
        ("corpus.jsonl#a#b", "a#b"),
        ("gout.txt", "gout.txt"),
    ]:
        assert shared(one, other)
        assert shared(other, one)
    for one, other in [
        ("a.jsonl#1", "b.jsonl#1"),  # row 1 of two files
        ("gout", "gout.txt"),
        ("PMID:1", "PMID:11"),
        ("gout", "gout~2"),
        ("a#", "b#"),
    ]:
        assert not shared(one, other)
        assert not shared(other, one)
