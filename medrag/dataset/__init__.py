"""Split questions so that no test question was seen in training, and check it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256

from ..text.cleaning import clean_text
from ..text.words import words
from ..types import Example

SPLITS = ("train", "validation", "test")

_GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma "
    "tau upsilon phi chi psi omega"
)
_GREEK = str.maketrans(dict(zip("αβγδεζηθικλμνξοπρστυφχψω", _GREEK_NAMES.split(), strict=True)))


def question_key(question: str) -> str:
    """Two questions are the same if their words are, whatever the punctuation, case and accents.

    Characters that cannot be seen do not count, and Greek letters are spelled out: "TNF-α" is
    "TNF-alpha".
    """
    return " ".join(words(clean_text(question))).translate(_GREEK)


def document_names(id_: str) -> list[str]:
    """The names of a document, the full one first: its id, and what follows `#` or `PMID:` in it.

    "notes.jsonl#gout" is also "gout", and "PMID:1" is also "1".
    """
    row = id_.partition("#")[2] or id_
    last = id_.rpartition("#")[2] or id_
    return list(dict.fromkeys((id_, row, last, last.removeprefix("PMID:") or id_)))


def drawn(seed: int, what: str, name: str) -> float:
    """A number of [0, 1) that depends on nothing else: the draw of one thing for one name."""
    digest = sha256(f"{seed}\0{what}\0{name}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:7]) / 2**56


def split_by_document(
    examples: Sequence[Example], validation_share: float, test_share: float, seed: int
) -> dict[str, list[Example]]:
    """Assign every question to train, validation or test, in their order.

    Questions that share a document or their words always stay together: groups are the connected
    components of both relations. Each group is drawn by its smallest document name (or its words,
    without documents) and the seed. So a question that is added moves no group but the one it
    joins, and the shares are met on average. A group of more than a tenth of all questions, but at
    least three, goes to train: elsewhere it would fill the split alone.

    Args:
        validation_share, test_share: of the questions, 0..1.
    """
    largest = max(2, len(examples) // 10)
    split_of: dict[int, str] = {}
    for group in _groups(examples):
        documents = [name for example in group for name in example.documents]
        name = min(documents or (question_key(example.question) for example in group))
        draw = drawn(seed, "split", name)
        split = "train"
        if len(group) <= largest and draw < test_share + validation_share:
            split = "test" if draw < test_share else "validation"
        split_of |= dict.fromkeys(map(id, group), split)
    return {
        split: [example for example in examples if split_of[id(example)] == split]
        for split in SPLITS
    }


def _groups(examples: Sequence[Example]) -> list[list[Example]]:
    """Connected components over shared documents and shared wording (union–find)."""
    parent: dict[str, str] = {}

    def find(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for example in examples:
        anchor = find("q\0" + question_key(example.question))
        for document in example.documents:
            parent[find("d\0" + document)] = anchor
    members: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        members[find("q\0" + question_key(example.question))].append(example)
    return list(members.values())


def leaks(
    train: Sequence[tuple[str, Sequence[str]]], other: Sequence[tuple[str, Sequence[str]]]
) -> tuple[list[str], list[str]]:
    """The questions, by their words, and the documents, by any of their names, that two sets share.

    Args:
        train, other: questions with the names or ids of their documents.

    Returns:
        The shared ones in the wording and by the names of `other`. "gout" is "notes.jsonl#gout",
        but two full ids that end alike are two documents.
    """
    asked = {question_key(question) for question, _ in train}
    used = {name for _, names in train for name in names}
    known = {name for id_ in used for name in document_names(id_)}
    questions = (question for question, _ in other if question_key(question) in asked)
    documents = (
        name
        for _, names in other
        for name in names
        if name in known or not used.isdisjoint(document_names(name))
    )
    return list(dict.fromkeys(questions)), list(dict.fromkeys(documents))
