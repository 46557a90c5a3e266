"""Fit the calibration that comes with medrag, on question sets from scripts/abstention_sets.py.

    python scripts/fit_calibration.py FOLDER [FOLDER ...] [--out FILE]

Each FOLDER has `questions.jsonl` and `index`. Two calibrations are written: with the packaged
reader model, and with rules alone. The questions must not be those that the reader model was
trained on: its logits look too sure on them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from medrag import RAGPipeline
from medrag.config import DatasetFieldsConfig
from medrag.dataset.questions import read_questions
from medrag.evaluation.judgement import judge
from medrag.grounding import calibration
from medrag.grounding.calibration import Calibration, calibration_key, fit_calibration
from medrag.grounding.signals import EITHER_WAY, KNOWN_BEFORE
from medrag.progress import progress


def asked(folder: Path, reader: str) -> Iterator[tuple[str, dict[str, float], bool]]:
    """The key of the calibration, the signals, and whether the answer is right, by question."""
    examples, _ = read_questions(folder / "questions.jsonl", DatasetFieldsConfig())
    with (
        RAGPipeline.open(folder / "index") as rag,
        progress(f"{folder} {reader or 'rules'}", len(examples), "questions") as advance,
    ):
        rag.config.grounding.reader = reader
        rag = RAGPipeline(rag.config)
        key = calibration_key(rag.config, rag.index.embedder.fingerprint)
        for example in examples:
            draft = rag.draft(example.question)
            verdict = judge(example, draft.answer)
            if verdict.right is not None and not draft.answer.abstained:
                yield key, dict(draft.signals), verdict.right
            advance(1)


def fitted(folders: list[Path], reader: str) -> Calibration:
    """A calibration on the questions of all folders."""
    rows = [row for folder in folders for row in asked(folder, reader)]
    (key,) = {key for key, *_ in rows}
    names = ", ".join(folder.parent.name for folder in folders)
    signals, right = [row[1] for row in rows], [row[2] for row in rows]
    about = f"{len(rows)} questions of {names}"
    return fit_calibration(key, signals, right, about, KNOWN_BEFORE, EITHER_WAY)


def main() -> None:
    """Read the options, fit, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=calibration.PACKAGED_CALIBRATIONS)
    options = parser.parse_args()
    found = [fitted(options.folders, reader) for reader in ("packaged", "")]
    calibration.write_calibrations(options.out, found)
    for one in found:
        print(one.questions, one.intercept, dict(zip(one.names, one.weights, strict=True)))


if __name__ == "__main__":
    main()
