"""What `medrag.ask` shows of an answer that was written by a model."""

from __future__ import annotations

import pytest

from medrag.ask import show
from medrag.generation.prompts import REFUSAL, Reply
from medrag.grounding import ground
from medrag.grounding.statements import parse_reply
from medrag.types import Answer, Hit

TEXT = "Allopurinol lowers uric acid and prevents further attacks."
HIT = Hit(1, "gout.txt", "Gout", TEXT, 0, len(TEXT), None, "", "", score=1.0)


def shown(reply: Reply, capsys: pytest.CaptureFixture[str]) -> str:
    parsed = parse_reply(reply, 1)
    grounded = ground(parsed.statements, [HIT], 0.5)
    show(
        Answer(
            question="Which drug lowers uric acid?",
            answer=grounded.text or REFUSAL,
            abstained=not grounded.text,
            confidence=0.9,
            sources=grounded.citations,
            hits=(HIT,),
            sentences=grounded.sentences + parsed.removed,
            stray_markers=parsed.stray_markers,
        )
    )
    return " ".join(capsys.readouterr().out.split())


def test_what_was_removed_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    said = shown(Reply("Allopurinol lowers uric acid [1][4]. Give 5", cut=True), capsys)
    assert "Allopurinol lowers uric acid. [1]" in said
    assert "removed: a marker of a passage that was not given" in said
    assert (
        "removed (the reply was cut off here; generator.max_new_tokens limits its length): Give 5"
    ) in said
    assert "removed: 3 markers of passages that were not given" in shown(
        Reply("Allopurinol lowers uric acid [2-4]."), capsys
    )


def test_nothing_is_said_where_nothing_was_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "removed" not in shown(Reply("Allopurinol lowers uric acid [1]."), capsys)
