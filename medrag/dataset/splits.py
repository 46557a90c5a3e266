"""Split questions so that nothing a model is tested on was seen in training, and prove it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from hashlib import sha256

from ..text.words import words
from ..types import Example

SPLITS = ("train", "validation", "test")


def question_key(question: str) -> str:
    """What makes two questions the same: their words, whatever the punctuation and case."""
    return " ".join(words(question))


def split_by_document(
    examples: Sequence[Example], validation_share: float, test_share: float, seed: int
) -> dict[str, list[Example]]:
    """Assign every question to train, validation or test.

    Questions that share a document, or their wording, always go together: groups are the
    connected components of both relations. Groups are taken in an order that depends only on
    the wording of their questions and the seed, so a question keeps its split when the file is
    reordered, and, as far as the shares allow, when questions are added to it.

    Args:
        validation_share, test_share: of the questions, 0..1; reached as closely as whole groups
            allow, never exceeded by more than one group.
    """
    groups = _groups(examples)
    order = sorted(groups, key=lambda group: min(_draw(example, seed) for example in group))
    targets = {
        "test": round(test_share * len(examples)),
        "validation": round(validation_share * len(examples)),
    }
    splits: dict[str, list[Example]] = {name: [] for name in SPLITS}
    for group in order:
        # A group much larger than what is still missing would swallow the split: it trains.
        name = next(
            (
                split
                for split, target in targets.items()
                if len(splits[split]) < target
                and len(splits[split]) + len(group) <= target + max(2, target // 2)
            ),
            "train",
        )
        splits[name].extend(group)
    position = {id(example): index for index, example in enumerate(examples)}
    for members in splits.values():
        members.sort(key=lambda example: position[id(example)])
    return splits


def _draw(example: Example, seed: int) -> bytes:
    """A lot for the question, the same wherever it stands in the file."""
    return sha256(f"{seed}\0{question_key(example.question)}".encode()).digest()


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
    train: Iterable[tuple[str, Sequence[str]]], other: Iterable[tuple[str, Sequence[str]]]
) -> tuple[list[str], list[str]]:
    """What two sets of (question, documents) share: questions by wording, and document ids."""
    questions: set[str] = set()
    documents: set[str] = set()
    for question, names in train:
        questions.add(question_key(question))
        documents.update(names)
    shared_questions: dict[str, None] = {}
    shared_documents: dict[str, None] = {}
    for question, names in other:
        if question_key(question) in questions:
            shared_questions[question] = None
        for name in names:
            if name in documents:
                shared_documents[name] = None
    return list(shared_questions), list(shared_documents)
