"""Peak memory of a build over the size of the corpus and on hard corpora, a naive build beside it.

    python scripts/bench_memory.py WORK OUT.json OUT.png [CASE ...] [--encoder minilm|tiny]
        [--naive-mb N]

A CASE is documents:NUMBER, text:MB, pdf:PAGES or pubmed:MB. The corpora are made in WORK, and
removed when they have been measured (see big_corpora.py). Results are added to those in OUT.json;
without a case, only the table is printed and the PNG drawn.

Every build is a process of its own, started anew. What is measured is its RSS and that of its
children together, five times a second; what they share is counted for each of them. The naive build
reads all files, cuts all texts, embeds all pieces and adds them to FAISS, one after the other;
corpora above --naive-mb it is spared. It runs twice, once under tracemalloc.

The tiny encoder has one layer, 16 dimensions and MiniLM's tokenizer: documents, chunks and tokens
are the same, the forward pass takes no time, and so gigabytes can be built in minutes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from big_corpora import MAKERS
from rich.console import Console
from rich.table import Table

from medrag.config import EmbedderConfig
from medrag.ingestion import TextEmbedder, embed_chunks
from medrag.manifest import read_manifest

_TICK = 0.2  # seconds between two looks
_CHUNK = 1000  # characters of the naive build's pieces
_MIB = 1 << 20
_UNITS = {
    "documents": "{:,} documents",
    "text": "text of {:,} MB in one line",
    "pdf": "PDF of {:,} pages",
    "pubmed": "PubMed, {:,} MB gzipped",
}
_NAIVE = "--naive-build"  # this script, in a process of its own
_DIMENSION = {"minilm": 384, "tiny": 16}


def make_tiny_encoder(folder: Path) -> str:
    """A real BERT, however small, with MiniLM's tokenizer; made once."""
    if not (folder / "model.safetensors").exists():
        import torch
        from transformers import BertConfig, BertModel

        minilm = TextEmbedder()
        torch.manual_seed(13)
        shape = BertConfig(
            vocab_size=minilm.tokenizer.get_vocab_size(),
            hidden_size=_DIMENSION["tiny"],
            num_hidden_layers=1,
            num_attention_heads=1,
            intermediate_size=32,
            max_position_embeddings=minilm.max_tokens,
        )
        BertModel(shape).save_pretrained(folder)
        shutil.copy(minilm.folder / "tokenizer.json", folder)
    return str(folder)


# --- what is measured ---------------------------------------------------------------------------


def watch(process: subprocess.Popen[bytes], written: Callable[[], bool]) -> dict[str, float]:
    """Memory in MiB until the process ends.

    Returns:
        peak: of the process and its children. reading: the same, while `written` gave False.
        own: of the process alone (its RSS).
    """
    found = {"reading_mib": 0.0, "peak_mib": 0.0, "own_mib": 0.0}
    while process.poll() is None:
        with suppress(OSError):  # it has just ended
            reading = not written()
            total = sum(map(resident_mib, family(process.pid)))
            own = resident_mib(process.pid, "VmHWM")  # nothing is missed between two looks
            found["own_mib"] = max(found["own_mib"], own)
            found["peak_mib"] = max(found["peak_mib"], own, total)
            if reading:
                found["reading_mib"] = max(found["reading_mib"], own, total)
        time.sleep(_TICK)
    if process.returncode:
        raise SystemExit(f"status {process.returncode} of {process.args}")
    return {name: round(value, 1) for name, value in found.items()}


def family(process: int) -> Iterator[int]:
    yield process
    for task in Path(f"/proc/{process}/task").iterdir():
        with suppress(OSError):
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def resident_mib(process: int, field: str = "VmRSS") -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
    return 0.0


def measure_medrag(corpus: Path, work: Path, model: str) -> dict[str, Any]:
    index = work / "index"
    shutil.rmtree(index, ignore_errors=True)
    for cache in (work / "cache/medrag").glob("embeddings.sqlite*"):
        cache.unlink()
    started = time.monotonic()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "medrag.build_index", f"corpus.paths=[{corpus}]"),
            *(f"index.dir={index}", f"embedder.model={model}", "tracking.wandb=disabled"),
        ],
        cwd=work,
        env=environment(work),
    )
    row: dict[str, Any] = watch(process, (index / "generations").exists)
    seconds = round(time.monotonic() - started, 1)
    manifest = read_manifest(index, "index")
    rejected = sum(1 for _ in (index / "quarantine.jsonl").open())
    kind = manifest.settings["vectors"]["kind"]
    shutil.rmtree(index)
    return {**row, "seconds": seconds, "kind": kind, "rejected": rejected, **manifest.counts}


def measure_naive(corpus: Path, work: Path, model: str) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for way in ("traced", "plain"):  # tracing takes memory itself
        process = subprocess.Popen(
            [sys.executable, __file__, _NAIVE, str(corpus), model, way],
            stdout=subprocess.PIPE,
            env=environment(work),
        )
        row["peak_mib"] = watch(process, lambda: False)["peak_mib"]
        assert process.stdout is not None
        row |= json.loads(process.stdout.read())
    return row


def environment(work: Path) -> dict[str, str]:
    """With a cache of its own: the user's must neither help nor grow."""
    return os.environ | {"XDG_CACHE_HOME": str(work / "cache"), "OMP_WAIT_POLICY": "passive"}


def convert(model: str, work: Path) -> None:
    """Have the encoder converted and kept, which takes more memory than a build, and only once."""
    (work / "once").mkdir(exist_ok=True)
    (work / "once/once.txt").write_text("once")
    arguments = [__file__, _NAIVE, str(work / "once"), model, "plain"]
    subprocess.run(
        [sys.executable, *arguments], env=environment(work), check=True, stdout=subprocess.DEVNULL
    )


# --- the naive build ----------------------------------------------------------------------------


def naive_build(corpus: Path, model: str, traced: bool) -> dict[str, Any]:
    import faiss

    if traced:
        tracemalloc.start()
    texts = [naive_read(path) for path in sorted(corpus.rglob("*")) if path.is_file()]
    pieces = [
        text[start : start + _CHUNK] for text in texts for start in range(0, len(text), _CHUNK)
    ]
    embedder = TextEmbedder(EmbedderConfig(model=model))
    vectors = np.stack([vector for _, vector in embed_chunks(pieces, embedder)])
    index = faiss.IndexFlatIP(embedder.dimension)
    index.add(vectors)
    faiss.write_index(index, str(corpus.with_name("naive.faiss")))
    corpus.with_name("naive.faiss").unlink()
    peak = tracemalloc.get_traced_memory()[1] / _MIB
    return {"pieces": len(pieces)} | ({"tracemalloc_mib": round(peak, 1)} if traced else {})


def naive_read(path: Path) -> str:
    if path.suffix == ".pdf":
        from pypdfium2 import PdfDocument

        return "\n".join(page.get_textpage().get_text_bounded() for page in PdfDocument(path))
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            abstracts = ElementTree.parse(file).iterfind(".//Abstract")
        return "\n".join("".join(abstract.itertext()) for abstract in abstracts)
    return path.read_text()


# --- what is shown ------------------------------------------------------------------------------


def slope(rows: list[dict[str, Any]], field: str, size: str) -> float | None:
    """MiB for 10,000 more chunks, from the smallest to the largest of the cases."""
    rows = sorted(rows, key=lambda row: row[size])
    if len(rows) < 2:
        return None
    first, last = rows[0], rows[-1]
    return (last[field] - first[field]) / (last[size] - first[size]) * 1e4


def show(cases: dict[str, Any]) -> None:
    table = Table(title="Peak memory, MiB", title_justify="left")
    for name in (
        *("corpus", "encoder", "chunks", "until the files of the index are written", "in all"),
        *("build process alone", "seconds", "naive", "naive, tracemalloc"),
    ):
        table.add_column(name, justify="left" if name in ("corpus", "encoder") else "right")
    for case in cases.values():
        row, naive = case["medrag"], case.get("naive", {})
        table.add_row(
            label(case),
            case["encoder"],
            f"{row['chunks']:,}",
            *(f"{row[name]:,.0f}" for name in ("reading_mib", "peak_mib", "own_mib", "seconds")),
            *(
                f"{naive[name]:,.0f}" if naive else "not run"
                for name in ("peak_mib", "tracemalloc_mib")
            ),
        )
    console = Console(width=160)
    console.print(table)
    for encoder, dimension in _DIMENSION.items():
        rows = chosen(cases, encoder)
        naive = [case["naive"] for case in rows if "naive" in case]
        medrag = [case["medrag"] for case in rows]
        found = {
            "until the files of the index are written": slope(medrag, "reading_mib", "chunks"),
            "in all": slope(medrag, "peak_mib", "chunks"),
            "naive": slope(naive, "peak_mib", "pieces"),
        }
        shown = "; ".join(f"{name} {value:.1f}" for name, value in found.items() if value)
        if shown:
            flat = dimension * 4 * 1e4 / _MIB
            console.print(f"{encoder}, MiB per 10,000 more chunks: {shown} (vectors: {flat:.1f})")


def chosen(cases: dict[str, Any], encoder: str) -> list[dict[str, Any]]:
    """The cases of many documents, by size."""
    rows = [c for c in cases.values() if c["kind"] == "documents" and c["encoder"] == encoder]
    return sorted(rows, key=lambda case: case["size"])


def label(case: dict[str, Any]) -> str:
    return _UNITS[case["kind"]].format(case["size"])


def plot(cases: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (sizes, hard) = pyplot.subplots(1, 2, figsize=(12, 5), width_ratios=(1, 1.2))
    for encoder, style in (("minilm", "-"), ("tiny", "--")):
        rows = chosen(cases, encoder)
        naive = [case for case in rows if "naive" in case]
        for found, who, field, name, colour in (
            (rows, "medrag", "reading_mib", "medrag, until its files are written", "#1e8449"),
            (rows, "medrag", "peak_mib", "medrag, in all", "#2471a3"),
            (naive, "naive", "peak_mib", "naive", "#c0392b"),
        ):
            if found:
                sizes.plot(
                    [case["size"] / 1000 for case in found],
                    [case[who][field] for case in found],
                    style,
                    marker="o",
                    color=colour,
                    label=f"{name} ({encoder})",
                )
    sizes.axhline(700, color="black", lw=0.8, ls=":")
    sizes.set(
        xlim=0, ylim=0, xlabel="thousand documents of about 40 tokens", ylabel="peak RSS, MiB"
    )
    sizes.set(title="Many documents (dotted: 700 MiB, to reach)")
    sizes.legend(fontsize=8)
    others = [case for case in cases.values() if case["kind"] != "documents"]
    places = np.arange(len(others))
    for shift, name, colour, values in (
        (-0.2, "medrag", "#2471a3", [case["medrag"]["peak_mib"] for case in others]),
        (0.2, "naive", "#c0392b", [case.get("naive", {}).get("peak_mib", 0) for case in others]),
    ):
        bars = hard.barh(places + shift, values, 0.4, label=name, color=colour)
        shown = [f"{value:,.0f}" if value else "not run" for value in values]
        hard.bar_label(bars, shown, padding=3)
    hard.axvline(700, color="black", lw=0.8, ls=":")
    names = [f"{label(case)}\n({case['encoder']})" for case in others]
    hard.set(yticks=places, yticklabels=names, xlabel="peak RSS, MiB", title="Hard corpora")
    hard.invert_yaxis()
    hard.margins(x=0.15)
    hard.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def measure(kind: str, size: int, options: argparse.Namespace) -> dict[str, Any]:
    corpus = options.work / "corpus"
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir(parents=True)
    MAKERS[kind](corpus, size)
    model = make_tiny_encoder(options.work / "tiny") if options.encoder == "tiny" else ""
    convert(model, options.work)
    megabytes = sum(path.stat().st_size for path in corpus.rglob("*") if path.is_file()) / 1e6
    case = {
        "kind": kind,
        "size": size,
        "encoder": options.encoder,
        "corpus_mb": round(megabytes, 1),
        "date": date.today().isoformat(),
        "machine": f"{os.cpu_count()} × {cpu()}",
        "medrag": measure_medrag(corpus, options.work, model),
    }
    if megabytes <= options.naive_mb:
        case["naive"] = measure_naive(corpus, options.work, model)
    shutil.rmtree(corpus)
    return case


def cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def case_of(argument: str) -> tuple[str, int]:
    kind, _, size = argument.partition(":")
    if kind not in MAKERS or not size.isdecimal():
        raise argparse.ArgumentTypeError(f"{argument}: give KIND:SIZE, KIND of {', '.join(MAKERS)}")
    return kind, int(size)


def main() -> None:
    if sys.argv[1:2] == [_NAIVE]:
        corpus, model, traced = sys.argv[2:]
        print(json.dumps(naive_build(Path(corpus), model, traced == "traced")))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("work", "json", "png"):
        parser.add_argument(name, type=Path)
    parser.add_argument("cases", nargs="*", type=case_of, metavar="CASE")
    parser.add_argument("--encoder", choices=_DIMENSION, default="minilm")
    parser.add_argument("--naive-mb", type=int, default=100)
    options = parser.parse_intermixed_args()
    options.work = options.work.resolve()
    cases = json.loads(options.json.read_text()) if options.json.exists() else {}
    for kind, size in options.cases:
        cases[f"{options.encoder} {kind}:{size}"] = measure(kind, size, options)
        options.json.write_text(json.dumps(cases, indent=2) + "\n")
    cases = dict(sorted(cases.items(), key=lambda item: (item[1]["kind"], item[1]["size"])))
    show(cases)
    plot(cases, options.png)


if __name__ == "__main__":
    main()
