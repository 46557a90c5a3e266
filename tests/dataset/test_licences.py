"""The licences that documents state are counted by the dataset and told by its card."""

from __future__ import annotations

import json
from pathlib import Path

from medrag import CorpusConfig, IndexConfig, build_dataset
from medrag.config import Config, DatasetConfig
from medrag.dataset.licences import licences, told
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.manifest import open_artefact
from medrag.stores import open_index

STATED = {
    "gout": {"license": "https://creativecommons.org/licenses/by-nc/4.0/"},
    "asthma": {"Licence": "CC BY 4.0"},
    "lupus": {"license": "https://creativecommons.org/publicdomain/zero/1.0/"},
    "migraine": {"rights": "  All rights\n reserved. "},
    "scurvy": {},
}


def test_licences_are_counted_and_told(tmp_path: Path, embedder: TextEmbedder) -> None:
    notes = [
        {"id": name, "title": name, "text": f"{name.title()} is treated with rest.", **stated}
        for name, stated in STATED.items()
    ]
    asked = [
        {"question": f"How is {name} treated?", "answer": f"{name.title()} is treated with rest.",
         "documents": [f"notes.jsonl#{name}"]}
        for name in STATED
    ]  # fmt: skip
    for name, rows in (("notes", notes), ("questions", asked)):
        lines = "\n".join(map(json.dumps, rows))
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    config = Config(
        corpus=CorpusConfig(paths=[str(tmp_path / "notes.jsonl")]),
        index=IndexConfig(dir=str(tmp_path / "index")),
        dataset=DatasetConfig(
            questions=str(tmp_path / "questions.jsonl"),
            dir=str(tmp_path / "dataset"),
            near_duplicates=1,
            test_share=0,
            validation_share=0,
        ),
    )
    config.tracking.wandb = "disabled"
    IndexBuilder(config, embedder).mirror()
    with open_index(config.index) as index:
        found = licences(index, [f"notes.jsonl#{name}" for name in STATED])
    wanted = {"CC BY-NC 4.0", "CC BY 4.0", "CC0 1.0", "All rights reserved.", "not stated"}
    assert found == dict.fromkeys(wanted, 1)
    assert "CC BY-NC 4.0 (1 document)" in told(found)
    build_dataset.run(config)
    counts = open_artefact(tmp_path / "dataset", "dataset").counts
    assert sum(counts["licences"].values()) == len(STATED)
    card = (tmp_path / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "CC BY-NC 4.0 (1 document)" in " ".join(card.split())
