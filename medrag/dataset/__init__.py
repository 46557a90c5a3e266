"""Split questions so that no test question was seen in training, and check it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256

from ..text.words import words
from ..types import Example

SPLITS = ("train", "validation", "test")


def question_key(question: str) -> str:
    """Two questions are the same if their words are, whatever the punctuation and case."""
    return " ".join(words(question))


def split_by_document(
    examples: Sequence[Example], validation_share: float, test_share: float, seed: int
) -> dict[str, list[Example]]:
    """Assign every question to train, validation or test.

    Questions that share a document or their words always stay together: groups are the connected
    components of both relations. The order of groups depends only on the words of their questions
    and the seed. So a question keeps its split when the file is reordered and, as far as the shares
    allow, when questions are added.

    Args:
        validation_share, test_share: of the questions, 0..1; met as closely as whole groups allow,
            and never exceeded by more than one group.
    """

    def draw(example: Example) -> bytes:
        return sha256(f"{seed}\0{question_key(example.question)}".encode()).digest()

    order = sorted(_groups(examples), key=lambda group: min(map(draw, group)))
    targets = {
        "test": round(test_share * len(examples)),
        "validation": round(validation_share * len(examples)),
    }
    splits: dict[str, list[Example]] = {name: [] for name in SPLITS}
    for group in order:
        # A group much larger than the missing part would fill the split alone; it goes to train.
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
    """The questions, by their words, and the document ids that two sets share."""
    asked = {question_key(question) for question, _ in train}
    used = {name for _, names in train for name in names}
    questions = (question for question, _ in other if question_key(question) in asked)
    documents = (name for _, names in other for name in names if name in used)
    return list(dict.fromkeys(questions)), list(dict.fromkeys(documents))
