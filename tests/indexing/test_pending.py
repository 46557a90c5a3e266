"""The queue of texts without vectors returns what was added, from memory or from disk."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrag.indexing import embedding as pending
from medrag.indexing.embedding import Pending, Text

ids = st.lists(st.integers(0, 2**32 - 1), max_size=40)
texts = st.lists(st.tuples(st.binary(min_size=16, max_size=16), st.one_of(ids, st.text())))


def taken(queue: Pending) -> list[Text]:
    return [(key, text if isinstance(text, str) else list(text)) for key, text in queue.take()]


@given(kept=texts, dropped=texts, later=texts)
def test_what_is_taken_is_what_was_added_but_for_what_was_cut(
    kept: list[Text], dropped: list[Text], later: list[Text]
) -> None:
    with closing(Pending(Path.cwd())) as queue:
        for batch in (kept, dropped):
            mark = queue.mark()
            for text in batch:
                queue.add(*text)
        queue.cut(mark)
        for text in later:
            queue.add(*text)
        assert len(queue) == len(kept + later)
        assert taken(queue) == kept + later
        assert (len(queue), taken(queue)) == (0, [])


def test_many_texts_wait_on_disk_under_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "_IN_MEMORY", 1_000)
    many = [(bytes([number]) * 16, [number] * 256) for number in range(200)]
    with closing(Pending(tmp_path)) as queue:
        for _ in range(2):  # it serves for one commit after the other
            for text in many:
                queue.add(*text)
            files = [path.resolve() for path in Path("/proc/self/fd").iterdir()]
            assert any(tmp_path in path.parents for path in files)
            assert list(tmp_path.iterdir()) == []
            assert taken(queue) == many
