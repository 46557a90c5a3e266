"""Notes from which questions are written, and their index, built with a tiny encoder."""

from __future__ import annotations

import json
from pathlib import Path

from medrag import CorpusConfig, EmbedderConfig, IndexConfig, PipelineConfig
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder

# id: (title, text)
NOTES = {
    "gout": (
        "Gout",
        "Gout is an inflammatory arthritis that is caused by crystals of uric acid in a joint. "
        "We studied gout for years. It hurts. Colchicine is given at 0.5 mg twice daily during an "
        "attack.",
    ),
    "scurvy": (
        "Scurvy",
        "Scurvy is caused by a lack of vitamin C, which the body needs to build collagen. "
        "Symptoms of scurvy include bleeding gums, loose teeth and slow healing of wounds.",
    ),
    "marfan": (
        "Marfan syndrome",
        "This condition is inherited in an autosomal dominant pattern, which means that one copy "
        "of the altered gene is enough. Mutations in the FBN1 gene cause Marfan syndrome. Marfan "
        "syndrome affects about 1 in 5,000 people worldwide.",
    ),
    "hypertension": (
        "Hypertension",
        "Hypertension is a lasting rise of the pressure in the arteries above 140/90 mmHg. "
        "Hypertension is usually treated with a thiazide, an ACE inhibitor or a calcium channel "
        "blocker.",
    ),
    "warfarin": (
        "Warfarin",
        "Warfarin blocks the recycling of vitamin K, so the liver makes fewer clotting factors. "
        "Warfarin is used to prevent strokes in people whose atria fibrillate. The effect of a "
        "changed dose is seen after about 72 hours at the earliest in most adults who take it.",
    ),
    "rabies": (
        "Rabies",
        "Rabies is transmitted through the bite of an infected animal, most often a dog. Rabies is "
        "prevented by washing the wound and by vaccination before symptoms begin.",
    ),
}


def build_index(
    folder: Path, encoder: Path, rows: dict[str, tuple[str, str]], *others: Path
) -> PipelineConfig:
    """Index notes with an encoder of one layer; it says nothing, and takes no time."""
    folder.mkdir(exist_ok=True)
    corpus = folder / "notes.jsonl"
    lines = [
        json.dumps({"id": id_, "title": title, "text": text}) for id_, (title, text) in rows.items()
    ]
    corpus.write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(corpus), *map(str, others)]),
        index=IndexConfig(dir=str(folder / "index")),
        embedder=EmbedderConfig(model=str(encoder)),
    )
    IndexBuilder(config, TextEmbedder(config.embedder)).mirror()
    return config
