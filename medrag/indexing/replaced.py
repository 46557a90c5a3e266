"""Tells when a mirror removed most of what an index held, because other paths were named."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ..stores import IndexWriter

_FEW = 5  # documents; as long as some stay, fewer may go without a word
_SHOWN = 3  # paths in the warning


class Roots:
    """How many documents an index held of each entry of `corpus.paths`, and which go.

    They are noted when a mirror is published: one that was killed may have removed documents that
    searches still found.
    """

    def __init__(self, writer: IndexWriter) -> None:
        self._writer = writer
        noted = writer.get_meta("roots")
        self._before: dict[str, int] = json.loads(noted) if noted else writer.documents_by_root()

    def warning(self, paths: Sequence[str], removed: int, directory: Path) -> str:
        """What to say when most documents are gone because other paths are named; "" if not.

        Args:
            paths: `corpus.paths` now.
            removed: documents that the mirror removed. A folder with another name may have the
                same documents, which stay.
            directory: of the index.
        """
        total = sum(self._before.values())
        left = [root for root in self._before if not any(_is_in(root, path) for path in paths)]
        gone = min(removed, sum(self._before[root] for root in left))
        if not gone or (gone < total and (gone < _FEW or 2 * gone <= total)):
            return ""
        shown = ", ".join(left[:_SHOWN])
        more = f" and {len(left) - _SHOWN:,} more" if len(left) > _SHOWN else ""
        return (
            f"{gone:,} of the {total:,} documents that {directory} held are removed: they were "
            f"from {shown}{more}, which corpus.paths does not name now. To keep both, give this "
            "corpus an index of its own (index.dir=outputs/other), or name all paths "
            f"('corpus.paths=[{','.join([*left[:_SHOWN], *'…'[: len(more)], *paths[:_SHOWN]])}]')"
        )

    def note(self) -> None:
        """Note what the index holds now."""
        now = self._writer.documents_by_root()
        if now != self._before or self._writer.get_meta("roots") is None:
            with self._writer.transaction():
                self._writer.set_meta("roots", json.dumps(now))


def _is_in(root: str, path: str) -> bool:
    """Whether what was read under a root is read under a path as well."""
    return root == path or ("://" not in path and root.startswith(path.rstrip("/") + "/"))
