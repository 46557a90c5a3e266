"""Models to take away: `python -m medrag.export MODEL` writes files that need no medrag.

An adapter becomes whole weights in bf16 (safetensors) and a GGUF file with an Ollama Modelfile; a
retriever becomes a sentence-transformers folder and an ONNX graph in int8.

Settings: export.dir=outputs/exports, export.gguf=true, and export.rows=20, on which losses are
measured.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rich.table import Table
from tokenizers import Tokenizer

from .cli import launch, split_words
from .config import Backend, Config
from .embedding.local.conversion import converted
from .embedding.local.folder import ModelFolder
from .errors import ConfigError
from .evaluation.export_card import ExportFacts, write_export_card
from .finetuning import quiet_libraries
from .finetuning.gguf_export import write_gguf
from .finetuning.merging import Merged, merge_adapter, save_merged
from .generation.loading import load_tokenizer
from .manifest import (
    MANIFEST,
    Artefact,
    Manifest,
    Parent,
    is_current,
    kind_of,
    open_artefact,
    read_manifest,
)
from .progress import console
from .terminal import plain
from .workplace import check_place

_USE = "name one model: python -m medrag.export MODEL [export.dir=DIR]"
_VERSION = 1  # raise it when the same model gives other files


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Attributes:
        counts: those of the manifest; `files` says what each file or folder is.
    """

    directory: Path
    counts: dict[str, Any]
    up_to_date: bool = False


def run(config: Config, model: Path) -> ExportReport:
    """Write what a model can be used as into a folder of its name below `export.dir`.

    Raises:
        ArtefactError: it is no artefact, or it is damaged.
        ConfigError: it is neither an adapter nor a retriever, or the folder holds something else.
        ModelError: its base is not there, or is another one.
    """
    kind = kind_of(model)
    if kind not in ("adapter", "retriever"):
        raise ConfigError(f"{model} holds: {kind}. An adapter or a retriever can be exported")
    manifest = open_artefact(model, kind)
    settings = {"gguf": config.export.gguf, "rows": config.export.rows}
    made = Artefact(
        kind="export",
        directory=Path(config.export.dir) / model.resolve().name,
        settings=settings,
        made_from={"settings": settings, kind: manifest.fingerprint, "version": _VERSION},
        parents={kind: Parent(str(model), manifest.fingerprint)},
    )
    if found := made.found():
        return ExportReport(made.directory, dict(found.counts), up_to_date=True)
    check_place(made.directory, made.kind, "export.dir")
    _check_name(made.directory, kind, model)
    quiet_libraries()
    counts: dict[str, Any] = {}
    with made.replacing(counts) as fresh:
        if kind == "adapter":
            counts |= _adapter(config, model, manifest, fresh)
        else:
            counts |= _retriever(model, fresh)
        facts = ExportFacts(made.directory.name, kind, manifest, counts)
        write_export_card(fresh, model / "README.md", facts)
    return ExportReport(made.directory, counts)


def _check_name(directory: Path, kind: str, model: Path) -> None:
    """Refuse to replace the export of another model of the same name."""
    if not (directory / MANIFEST).is_file():
        return
    old = read_manifest(directory, "export").parents.get(kind)
    if old is None or Path(old.path).resolve() != model.resolve():
        raise ConfigError(
            f"{directory} is the export of {old.path if old else 'another model'}; choose another "
            "folder with export.dir="
        )


def _adapter(config: Config, model: Path, manifest: Manifest, fresh: Path) -> dict[str, Any]:
    rows = _held_out(manifest, config.export.rows)
    merged = merge_adapter(str(model), rows, config.export.device)
    save_merged(merged, str(model), fresh)
    files = {"model.safetensors": "the weights in bf16, for transformers"}
    if config.export.gguf:
        name = model.resolve().name
        write_gguf(merged.model, load_tokenizer(str(model)), fresh, name)
        files["model.gguf"] = "the same in fp16, for llama.cpp and Ollama"
        files["Modelfile"] = f"for Ollama: ollama create {name} -f Modelfile"
    return {"files": files, **_measured(merged)}


def _measured(merged: Merged) -> dict[str, Any]:
    return {
        "into": merged.into,
        "losses": merged.losses,
        "agreement": merged.agreement,
        "rows": merged.rows,
    }


def _held_out(manifest: Manifest, most: int) -> list[dict[str, Any]]:
    """Validation rows of the adapter's dataset; none if it is not there, or is another one now."""
    parent = manifest.parents.get("dataset")
    if parent is None or not is_current(Path(parent.path), "dataset", parent.fingerprint):
        return []
    path = Path(parent.path) / "validation.jsonl"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as file:
        return [*islice((row for row in map(json.loads, file) if row["completion"]), most)]


def _retriever(model: Path, fresh: Path) -> dict[str, Any]:
    own = fresh / "sentence-transformers"
    of_medrag = shutil.ignore_patterns(
        "manifest.json", "README.md", "history.json", "*.png", "wandb.json", "checkpoints"
    )
    shutil.copytree(model, own, ignore=of_medrag)
    graph = converted(ModelFolder(str(model)), Backend.onnxruntime)
    (fresh / "onnx").mkdir()
    shutil.copyfile(graph, fresh / "onnx/model_int8.onnx")
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(ModelFolder(str(model)).max_tokens)
    tokenizer.save(str(fresh / "onnx/tokenizer.json"))
    files = {
        "sentence-transformers": 'SentenceTransformer("…/sentence-transformers")',
        "onnx/model_int8.onnx": (
            "ONNX Runtime: token ids int64 [1, n] of one text, as `ids`, give its `vector`, of "
            "length 1"
        ),
    }
    return {"files": files}


def summary_table(report: ExportReport) -> Table:
    """What was written, for the terminal."""
    state = " (up to date)" if report.up_to_date else ""
    table = Table(
        title=f"export in {report.directory}{state}", title_justify="left", show_header=False
    )
    for name, what in report.counts["files"].items():
        table.add_row(name, plain(what))
    for name, loss in report.counts.get("losses", {}).items():
        table.add_row(f"loss, {name}", f"{loss:.4f} nats an answer token")
    if into := report.counts.get("into"):
        unmeasured = "" if report.counts["losses"] else " (not measured: its dataset is not there)"
        table.add_row("merged into", f"the {into} weights{unmeasured}")
    if (agreement := report.counts.get("agreement")) is not None:
        table.add_row("same next token as in 4 bits", f"{agreement:.1%}")
    return table


def main(config: Config, words: Sequence[str]) -> None:
    """Run the stage and print what was written.

    Raises:
        ConfigError: not exactly one model is named.
    """
    if len(words) != 1:
        raise ConfigError(_USE)
    console.print(summary_table(run(config, Path(words[0]))))


if __name__ == "__main__":
    given, overrides = split_words(sys.argv[1:], __doc__)
    sys.argv[1:] = overrides
    launch(lambda config: main(config, given), stopped="stopped")
