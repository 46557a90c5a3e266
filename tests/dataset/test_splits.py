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


def singletons(count: int) -> list[Example]:
    return [Example(f"q{n}", f"What is number {n}?", "It is.", (f"d{n}",)) for n in range(count)]


@pytest.mark.parametrize("seed", range(3))
def test_shares_are_met_on_average(seed: int) -> None:
    examples = [Example(str(n), f"What is number {n}?", "", (f"d{n // 2}",)) for n in range(4000)]
    splits = split_by_document(examples, 0.1, 0.2, seed)
    sizes = {name: len(members) for name, members in splits.items()}
    assert sum(sizes.values()) == 4000
    # 4 standard deviations of 2,000 draws
    assert abs(sizes["test"] - 800) < 2 * 4 * 18
    assert abs(sizes["validation"] - 400) < 2 * 4 * 14
    order = {example.id: place for place, example in enumerate(examples)}
    for members in splits.values():  # a split keeps the order of the file
        places = [order[example.id] for example in members]
        assert places == sorted(places)


@settings(deadline=None, database=None)
@given(EXAMPLES, EXAMPLES, SHARES, st.randoms(use_true_random=False))
def test_added_questions_move_no_group_but_those_that_they_join(
    examples: list[Example],
    added: list[Example],
    shares: tuple[float, float],
    shuffle: random.Random,
) -> None:
    # Enough others for every group to be less than a tenth.
    examples = examples + singletons(400)
    together = [*examples, *added]
    shuffle.shuffle(together)
    before = split_by_document(examples, *shares, seed=13)
    after = split_by_document(together, *shares, seed=13)
    joined = {question_key(e.question) for e in added}
    documents = {d for e in added for d in e.documents}
    while True:  # everything that hangs together with what was added
        more = [
            e
            for e in examples
            if question_key(e.question) in joined or not documents.isdisjoint(e.documents)
        ]
        sizes = len(joined), len(documents)
        joined |= {question_key(e.question) for e in more}
        documents |= {d for e in more for d in e.documents}
        if (len(joined), len(documents)) == sizes:
            break
    for name in SPLITS:
        untouched = {id(e) for e in before[name] if question_key(e.question) not in joined}
        assert untouched <= {id(e) for e in after[name]}


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


@pytest.mark.parametrize("seed", range(8))
def test_a_document_with_more_than_a_tenth_of_the_questions_goes_to_training(seed: int) -> None:
    book = [Example(f"b{n}", f"Why {n}?", "", ("book",)) for n in range(20)]
    splits = split_by_document([*book, *singletons(170)], 0.3, 0.6, seed)
    assert set(book) <= set(splits["train"])
    homes = {
        name
        for seed in range(8)
        for name, members in split_by_document([*book, *singletons(180)], 0.3, 0.6, seed).items()
        if book[0] in members
    }
    assert homes == set(SPLITS)


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
