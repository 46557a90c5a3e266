"""Stage 1: documents → index. `python -m medrag.build_index 'corpus.paths=[DIR]'`"""

from __future__ import annotations

from dataclasses import asdict

from rich.markup import escape
from rich.table import Table

from .cli import launch
from .config import Config
from .indexing import BuildReport, IndexBuilder
from .progress import console
from .tracking import track


def run(config: Config) -> BuildReport:
    """Bring the index in `index.dir` up to date with `corpus.paths`.

    Raises:
        CorpusError, MismatchError, BusyError, ConfigError: see `IndexBuilder.mirror`.
    """
    builder = IndexBuilder(config)
    groups = ("corpus", "chunking", "embedder", "index")
    settings = {name: asdict(getattr(config, name)) for name in groups}
    with track(config.tracking, "build_index", settings) as tracked:
        report = builder.mirror()
        numbers = asdict(report)
        del numbers["directory"]
        tracked.summary(numbers)
        tracked.artifact(report.directory)
    return report


def summary_table(report: BuildReport) -> Table:
    """The result of a build, for the terminal."""
    table = Table(title=f"index in {report.directory}", title_justify="left", show_header=False)
    counts = report.counts
    changes = f"{report.added:,} added, {report.changed:,} changed, {report.removed:,} removed"
    table.add_row("documents", f"{counts.documents:,}  ({changes})")
    table.add_row("chunks", f"{counts.chunks:,}  ({report.embedded_chunks:,} embedded now)")
    table.add_row("tokens", f"{counts.tokens:,}")
    table.add_row("cut by the embedder", f"{report.truncated:,} chunks")
    if report.quarantined:
        where = f"see {report.directory}/quarantine.jsonl"
        table.add_row("quarantined", f"[yellow]{report.quarantined:,}[/yellow]  {where}")
    else:
        table.add_row("quarantined", "0")
    for name, counted in (("flags", report.flags), ("left out", report.left_out)):
        if counted:
            most_first = sorted(counted.items(), key=lambda pair: -pair[1])
            table.add_row(name, ", ".join(f"{number:,} {reason}" for reason, number in most_first))
    for who, group in report.skipped.items():
        table.add_row("skipped", f"{group.count:,} {who}: {escape(group.names)}")
    if report.notes:
        table.add_row("notes", f"{report.notes:,}  see {report.directory}/notes.jsonl")
    if report.embedder:
        table.add_row("embedder", report.embedder)
        table.add_row("embedding rate", report.embedding_rate)
    if report.billed_tokens:
        table.add_row("tokens billed", f"{report.billed_tokens:,}")
    if report.cache_lookups:
        share = report.cache_hits / report.cache_lookups
        hits = f"{report.cache_hits:,} of {report.cache_lookups:,} texts ({share:.0%})"
        table.add_row("found in the cache", hits)
    quality = "exact" if report.kind == "flat" else f"recall@10 {report.recall_at_10:.3f}"
    table.add_row("vectors", f"{report.kind}  ({quality})")
    table.add_row("time", f"{report.seconds:.1f} s")
    table.add_row("peak memory", f"{report.peak_mb:,.0f} MB")
    table.add_row(
        "generation", f"{report.generation}" + ("" if report.published else "  (up to date)")
    )
    return table


def main(config: Config) -> None:
    """Run the stage and print its summary."""
    report = run(config)
    console.print(summary_table(report))
    if report.warning:
        console.print(f"[bold yellow]warning:[/] {escape(report.warning)}")


if __name__ == "__main__":
    launch(main)
