"""Batches in which no passage answers another question, and the loss over them."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag.finetuning.list_loss import list_loss_class
from medrag.finetuning.ranking_lists import RankingList, plan_batches


def ranking_list(number: int, answer: str, others: list[str]) -> RankingList:
    return RankingList(
        question=f"question {number}",
        passages=(answer, *others),
        answers=frozenset({answer}),
        shown=frozenset({answer, *others}),
    )


PASSAGES = st.sampled_from("abcdefgh")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(PASSAGES, PASSAGES), min_size=2, max_size=40),
    st.integers(2, 9),
    st.integers(1, 3),
    st.integers(0, 3),
)
def test_no_passage_of_a_batch_answers_another_question(
    given_: list[tuple[str, str]], size: int, epochs: int, seed: int
) -> None:
    lists = [
        ranking_list(number, answer, [other])
        for number, (answer, other) in enumerate(given_)
        if answer != other
    ]
    plan = plan_batches(lists, size, epochs, seed)
    for batch in plan.batches:
        assert 2 <= len(batch) <= size
        for one in batch:
            for other in batch:
                if one != other:
                    assert lists[one].answers.isdisjoint(lists[other].shown)
    times = Counter(number for batch in plan.batches for number in batch)
    assert max(times.values(), default=0) <= epochs
    assert plan.unused == len(lists) - len(times)
    assert plan == plan_batches(lists, size, epochs, seed)


def test_questions_over_few_passages_make_small_batches() -> None:
    lists = [ranking_list(number, "abc"[number % 3], []) for number in range(90)]
    plan = plan_batches(lists, 64, 1, seed=1)
    assert (len(plan.batches), plan.mean_size, plan.unused) == (30, 3.0, 0)


def test_questions_of_one_passage_are_left_out() -> None:
    plan = plan_batches([ranking_list(number, "a", []) for number in range(5)], 4, 1, seed=1)
    assert (plan.batches, plan.unused) == ([], 5)


def test_steps_go_before_epochs() -> None:
    lists = [ranking_list(number, str(number), []) for number in range(20)]
    assert len(plan_batches(lists, 4, 1, seed=1).batches) == 5
    assert len(plan_batches(lists, 4, 0.5, seed=1).batches) == 3
    plan = plan_batches(lists, 4, 1, seed=1, steps=12)
    assert len(plan.batches) == 12
    times = Counter(number for batch in plan.batches[:5] for number in batch)
    assert {*times.values()} == {1}  # the first epoch has every list once
    assert sorted(plan.batches[0]) != sorted(plan.batches[5])  # the second has another order


class Words(torch.nn.Module):
    """An encoder that adds up vectors of words."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.table = torch.nn.Embedding(50, 8)
        self.prompts: dict[str, str] = {}

    def __getitem__(self, place: int) -> torch.nn.Module:
        return self.table

    def forward(self, features: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"sentence_embedding": self.table(features["input_ids"]).sum(1)}


def columns(seed: int = 3) -> list[dict[str, torch.Tensor]]:
    """Ten questions, an answer and two negatives each."""
    draw = torch.Generator().manual_seed(seed)
    return [{"input_ids": torch.randint(50, (10, 5), generator=draw)} for _ in range(4)]


def plain_loss(model: Words, parts: list[dict[str, torch.Tensor]], length: int = 8) -> torch.Tensor:
    """Cross-entropy of the answer among all passages of the batch, written out."""
    vectors = [
        torch.nn.functional.normalize(model(part)["sentence_embedding"][:, :length], dim=1)
        for part in parts
    ]
    scores = 20 * vectors[0] @ torch.cat(vectors[1:]).T
    return torch.nn.functional.cross_entropy(scores, torch.arange(10))


def divergence(
    model: Words, parts: list[dict[str, torch.Tensor]], told: torch.Tensor
) -> torch.Tensor:
    """From a teacher's softmax over each list, written out."""
    vectors = [
        torch.nn.functional.normalize(model(part)["sentence_embedding"], dim=1) for part in parts
    ]
    scores = torch.stack([20 * (vectors[0] * one).sum(1) for one in vectors[1:]], dim=1)
    right = told.softmax(1)
    return (right * (right.log() - scores.log_softmax(1))).sum(1).mean()


@pytest.mark.parametrize("at_once", [3, 32])
@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_the_cached_loss_and_its_gradient_are_the_plain_ones(at_once: int, weight: float) -> None:
    told = torch.randn(10, 3, generator=torch.Generator().manual_seed(5))
    model = Words()
    loss = plain_loss(model, columns()) + weight * divergence(model, columns(), told)
    loss.backward()
    right = model.table.weight.grad
    assert right is not None

    other = Words()
    cached = list_loss_class()(
        other, at_once=at_once, distillation=weight, dimensions=[], bf16=False
    )
    found = cached(columns(), told if weight else None)
    found.backward()
    assert float(found) == pytest.approx(float(loss), rel=1e-5)
    assert other.table.weight.grad is not None
    torch.testing.assert_close(other.table.weight.grad, right, rtol=1e-4, atol=1e-6)


def test_shorter_vectors_are_trained_as_well() -> None:
    model = Words()
    loss = list_loss_class()(model, at_once=4, distillation=0.0, dimensions=[8, 2], bf16=False)
    parts = columns()
    right = (plain_loss(model, parts) + plain_loss(model, parts, 2)) / 2
    assert float(loss(parts, None)) == pytest.approx(float(right), rel=1e-5)
