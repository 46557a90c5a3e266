"""Measure support checks: how many false statements they remove, and how many true ones.

    python scripts/bench_grounding.py [FILE ...] [--pairs FILE ...] [--half dev|test]
        [--verifier PATH] [--endpoint URL --model NAME] [--out OUT.json] [--show N]

From the sentences of the files (any format that medrag reads; samples/corpus by default) it makes
false statements and faithful rewordings of each kind. --pairs takes statements written by hand:
one JSON object a line with `title`, `section`, `source`, `statement`, `supported` and `kind`.

Compared are the check by overlap of words that medrag began with, `medrag.check_support`, this with
an entailment model (--verifier) and any chat model behind an OpenAI-compatible endpoint.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from grounding_checks import (
    AT_ONCE,
    Check,
    Endpoint,
    Pair,
    Verdicts,
    judge,
    overlap_check,
    support_check,
)
from grounding_mutants import MUTANTS
from grounding_rewordings import REWORDINGS
from grounding_rules import Place
from rich.console import Console
from rich.table import Table

from medrag.config import CorpusConfig
from medrag.grounding import check_support
from medrag.grounding.verifier import EntailmentVerifier
from medrag.ingestion import read_documents
from medrag.text import split_sentences
from medrag.types import Block, BlockKind, Document

# A heading that runs into the sentence after it, or what a database prints under each entry.
_HEADED = re.compile(
    r"(?:\w+ ){1,5}(?:The|An?|If|In|To|At|Some|Many|Most|Certain|People|Studies|You|Your|Doctors"
    r"|Adults|Infants|Treatment|This|These|It|They)\b|(\w+) \1\b|.*\bnumber of patients \("
)
SAMPLES = Path(__file__).parents[1] / "samples/corpus"


def read_pairs(files: Iterable[Path]) -> list[Pair]:
    """Pairs written by hand; fields besides those of `Pair` are ignored."""
    rows = [json.loads(line) for file in files for line in file.open(encoding="utf-8")]
    return [Pair(**{name: row[name] for name in Pair.__slots__}) for row in rows]


def make_pairs(paths: Sequence[Path], half: str, per_kind: int) -> list[Pair]:
    """Mutants and rewordings of sentences of one half, up to `per_kind` of each kind."""
    blocks = sorted(_blocks(paths), key=lambda item: _hash(item[1].text))
    made: dict[str, list[Pair]] = {kind: [] for kind in (*MUTANTS, *REWORDINGS)}
    seen, beginnings = set(), Counter[tuple[str, str]]()
    for title, block in blocks:
        for place in _places(block):
            if place.sentence in seen or (half and _half(place.sentence) != half):
                continue
            seen.add(place.sentence)  # boilerplate counts once
            begins = " ".join(place.sentence.split()[:2])
            for kind in [kind for kind, pairs in made.items() if len(pairs) < per_kind]:
                statement = _changed(place, kind)
                if statement is None or beginnings[kind, begins] > per_kind // 10:
                    continue  # "Mutations in the … gene cause …" is said of thousands of genes
                beginnings[kind, begins] += 1
                supported = kind in REWORDINGS
                made[kind].append(
                    Pair(title, block.section, place.source, statement, supported, kind)
                )
    return [pair for pairs in made.values() for pair in pairs]


def _changed(place: Place, kind: str) -> str | None:
    draw = random.Random(f"{kind}: {place.sentence}")
    if kind in REWORDINGS:
        return REWORDINGS[kind](place, draw)
    # A false statement is rarely in the very words of its source.
    if draw.random() < 0.5 and (other := REWORDINGS["synonym"](place, draw)):
        place = Place(place.before, other, place.after)
    return MUTANTS[kind](place, draw)


def _half(sentence: str) -> str:
    return "dev" if _hash(sentence)[0] % 2 else "test"


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _blocks(paths: Iterable[Path]) -> Iterator[tuple[str, Block]]:
    """(title, block) of all text and tables of files and folders."""
    for path in paths:
        files = filter(Path.is_file, sorted(path.rglob("*"))) if path.is_dir() else [path]
        for file in files:
            for item in read_documents(file, file.name, CorpusConfig()):
                if isinstance(item, Document):
                    for block in item.blocks:
                        if block.kind in (BlockKind.text, BlockKind.table):
                            yield item.title, block


def _places(block: Block) -> Iterator[Place]:
    """Its whole sentences, each between its neighbours; of a table, its rows."""
    if block.kind is BlockKind.table:
        yield from (Place("", row, "") for row in block.text.splitlines())
        return
    found = [" ".join(part.split()) for part in split_sentences(block.text)]
    found = [text if _is_whole(text) else "" for text in found]
    for before, (text, after) in zip(["", *found], pairwise([*found, ""]), strict=False):
        if text:
            yield Place(before, text, after)


def _is_whole(text: str) -> bool:
    """Neither heading nor list nor fragment."""
    return (
        re.match(r"[A-Z].*[^.]\.$", text) is not None
        and 5 <= len(text.split()) <= 40
        and not re.search(r" - |:|\?|http|\bpage\b|…", text)
        and not _HEADED.match(text)
        and text.count("(") == text.count(")")
    )


def wilson(hits: int, count: int) -> tuple[float, float, float]:
    """A share with its 95% interval (Wilson 1927)."""
    if not count:
        return math.nan, 0.0, 1.0
    z, share = 1.96, hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    half /= 1 + z * z / count
    return share, max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def summary(pairs: Sequence[Pair], verdicts: Verdicts) -> dict[str, Any]:
    """Share of statements removed, per kind and in all, and milliseconds per statement."""
    removed: dict[str, list[bool]] = defaultdict(list)
    for pair, said in zip(pairs, verdicts.supported, strict=True):
        for name in (pair.kind, "all true" if pair.supported else "all false"):
            removed[name].append(not said)
    p50, p95 = np.quantile(verdicts.seconds, [0.5, 0.95]) * 1e3
    kinds = {
        name: dict(
            zip(("share", "low", "high"), wilson(sum(gone), len(gone)), strict=True),
            count=len(gone),
        )
        for name, gone in removed.items()
    }
    return {"removed": kinds, "p50_ms": float(p50), "p95_ms": float(p95)}


def show(title: str, pairs: Sequence[Pair], found: dict[str, dict[str, Any]]) -> None:
    table = Table(title=f"{title}: share of statements removed [95% interval]")
    for name in ("", "pairs", *found):
        table.add_column(name, justify="left" if not name else "right")
    for is_true, heading in ((False, "all false"), (True, "all true")):
        kinds = dict.fromkeys(pair.kind for pair in pairs if pair.supported is is_true)
        for name in [*kinds, *([heading] if kinds else [])]:
            cells = [result["removed"][name] for result in found.values()]
            shares = [f"{one['share']:.3f} [{one['low']:.2f}, {one['high']:.2f}]" for one in cells]
            style = "bold" if name == heading else ""
            table.add_row(name, str(cells[0]["count"]), *shares, style=style)
        table.add_section()
    for name in ("p50_ms", "p95_ms"):
        table.add_row(name, "", *(f"{result[name]:.2f}" for result in found.values()))
    Console(width=120).print(table)


def show_wrong(name: str, pairs: Sequence[Pair], verdicts: Verdicts, limit: int) -> None:
    """The first pairs of each kind that a check misjudged."""
    shown: dict[str, int] = defaultdict(int)
    for pair, said in zip(pairs, verdicts.supported, strict=True):
        if said != pair.supported and shown[pair.kind] < limit:
            shown[pair.kind] += 1
            print(f"{name}, {pair.kind}\n  source:    {pair.source}\n  statement: {pair.statement}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("files", nargs="*", type=Path)
    options.add_argument("--pairs", nargs="+", type=Path, default=[], metavar="FILE")
    options.add_argument("--half", choices=("dev", "test"), default="", help="of the sentences")
    options.add_argument("--per-kind", type=int, default=200, metavar="N", help="made pairs")
    options.add_argument("--verifier", metavar="PATH", help="entailment model: folder or hub id")
    options.add_argument("--endpoint", metavar="URL", help="OpenAI-compatible, up to /v1")
    options.add_argument("--model", metavar="NAME", help="model of the endpoint")
    options.add_argument("--out", type=Path, help="write all numbers as JSON")
    options.add_argument("--show", type=int, default=0, metavar="N", help="errors per kind")
    chosen = options.parse_args()
    if bool(chosen.endpoint) != bool(chosen.model):
        options.error("--endpoint and --model go together")
    sets = {}
    if chosen.files or not chosen.pairs:
        made = make_pairs(chosen.files or [SAMPLES], chosen.half, chosen.per_kind)
        sets["Made from sentences"] = made
    if chosen.pairs:
        sets["Written by hand"] = read_pairs(chosen.pairs)
    checks: dict[str, Check] = {"overlap": overlap_check, "rules": support_check(check_support)}
    if chosen.verifier:
        checks["rules + verifier"] = support_check(EntailmentVerifier(chosen.verifier))
    if chosen.endpoint:
        checks[chosen.model] = Endpoint(chosen.endpoint, chosen.model)
    results: dict[str, dict[str, Any]] = {}
    for title, pairs in sets.items():
        if not pairs:
            raise SystemExit(f"{title}: no pairs; give files with more sentences")
        found = results[title] = {}
        for name, check in checks.items():
            at_once = AT_ONCE if isinstance(check, Endpoint) else 1
            verdicts = judge(check, pairs, at_once)
            found[name] = summary(pairs, verdicts)
            show_wrong(name, pairs, verdicts, chosen.show)
        show(title, pairs, found)
    for name, check in checks.items():
        if isinstance(check, Endpoint):
            check.close()
            if check.unclear:
                count, first = len(check.unclear), check.unclear[0][:60]
                print(
                    f"{name}: {count} replies were neither yes nor no, and count as no: {first!r}"
                )
    if chosen.out:
        chosen.out.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
