"""Check a certificate: `python -m medrag.verify FILE` says what of it no longer holds."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from . import __version__
from .certificate_checks import Finding, Verdict, check, retracted
from .certificates import Certificate, Model, generation_of, read
from .cli import launch, split_words
from .config import IndexConfig
from .errors import ConfigError, MedragError
from .manifest import model_identity
from .progress import results
from .stores import IndexReader, open_index
from .terminal import plain


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of a check.

    Attributes:
        careful: a sentence for each source that is retracted.
    """

    certificate: Certificate
    careful: tuple[str, ...]
    findings: tuple[Finding, ...]

    def count(self, verdict: Verdict) -> int:
        """How many findings have this verdict."""
        return sum(one.verdict == verdict for one in self.findings)

    @property
    def conclusion(self) -> str:
        """One sentence over all findings."""
        total = len(self.findings)
        broken, unknown = self.count(Verdict.broken), self.count(Verdict.unknown)
        rest = f"; {unknown} cannot be checked" if unknown else ""
        if broken:
            return f"{broken} of {total} things no longer hold{'s' if broken == 1 else ''}{rest}."
        if unknown:
            return f"Everything that can be checked holds; {unknown} of {total} things cannot."
        return "Everything holds."


def run(file: Path, index: IndexConfig | None = None) -> Verification:
    """Check a certificate against an index.

    Args:
        index: where to look; by default the index that the certificate names.

    Raises:
        ArtefactError: the file cannot be read, or is no certificate.
    """
    certificate, intact = read(file)
    where = index or IndexConfig(dir=certificate.index.location)
    try:
        with open_index(where) as opened:
            about_index = _index(certificate, where, opened)
            found = check(certificate, opened)
            careful = tuple(retracted(certificate, opened))
    except (MedragError, OSError) as error:  # not there, or damaged
        about_index = Finding("index", Verdict.broken, str(error))
        found = check(certificate, None)
        careful = tuple(retracted(certificate, None))
    models = [_model(role, one) for role, one in certificate.models.items() if one.weights]
    findings = (_intact(certificate, intact), about_index, *models, *found)
    return Verification(certificate, careful, findings)


def _intact(certificate: Certificate, intact: bool) -> Finding:
    if not intact:
        return Finding("certificate", Verdict.broken, "it was edited after it was written")
    version = certificate.package_version
    other = "" if version == __version__ else f"; this is medrag {__version__}"
    return Finding("certificate", Verdict.holds, f"it is as medrag {version} wrote it{other}")


def _index(certificate: Certificate, where: IndexConfig, index: IndexReader) -> Finding:
    then, generation = certificate.index, generation_of(where, index)
    here = _near(index.location)
    if index.fingerprint == then.fingerprint:
        reason = f"{here} is unchanged, generation {generation}"
        return Finding("index", Verdict.holds, reason)
    embedder = index.embedder.name
    with_another = "" if embedder == then.embedder else f", made with {embedder}"
    # Not broken: documents come and go, and what the answer rests on is checked one by one.
    reason = (
        f"{here} has changed (generation {then.generation}, now {generation}{with_another}); ask "
        "again to see whether it still answers like this"
    )
    return Finding("index", Verdict.unknown, reason)


def _model(role: str, model: Model) -> Finding:
    here = _near(model.name)
    try:
        if not Path(model.name).is_dir():
            return Finding(role, Verdict.unknown, f"there is no folder {here}")
        same = model_identity(model.name).rpartition("@")[2] == model.weights
    except OSError as error:
        return Finding(role, Verdict.unknown, f"{here} cannot be read ({error.strerror})")
    if not same:
        return Finding(role, Verdict.broken, f"the weights in {here} have changed")
    return Finding(role, Verdict.holds, f"the weights in {here} are unchanged")


def _near(path: str) -> str:
    """The shortest name of a path, seen from the working directory."""
    return min(path, os.path.relpath(path), key=len)


# --- what is printed ------------------------------------------------------------------------------

_STYLES = {Verdict.holds: "green", Verdict.broken: "red", Verdict.unknown: "yellow"}


def show(verification: Verification) -> None:
    """Print retractions first, then a line for each finding, and the conclusion."""
    out = results()
    narrow = out.is_terminal
    if not narrow:  # what is piped has one line for each finding
        out = results(width=100_000)
    for sentence in verification.careful:
        out.print(f"[bold red]{plain(sentence)}[/bold red]")
    question = textwrap.shorten(verification.certificate.question, 200, placeholder=" …")
    out.print(f"[bold]{plain(question)}[/bold]")
    out.print(f"[dim]answered {plain(verification.certificate.created_at)}[/dim]\n")
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(max_width=28 if narrow else None, overflow="fold")
    table.add_column(overflow="fold")
    for one in verification.findings:
        verdict = f"[{_STYLES[one.verdict]}]{one.verdict}[/]"
        table.add_row(verdict, plain(one.subject), plain(one.reason))
    out.print(table)
    out.print(f"\n[bold]{verification.conclusion}[/bold]")


def main(files: Sequence[str], index: IndexConfig | None) -> None:
    """Run the stage and print its findings; exit with status 1 if something does not hold.

    Raises:
        ConfigError: not exactly one file is named.
    """
    if len(files) != 1:
        raise ConfigError("name one certificate: python -m medrag.verify FILE [index.dir=DIR]")
    verification = run(Path(files[0]), index)
    show(verification)
    if verification.count(Verdict.broken):
        sys.exit(1)


if __name__ == "__main__":
    files, settings = split_words(sys.argv[1:])
    is_named = any(one.lstrip("+").startswith("index.dir=") for one in settings)
    # A check is not a run worth keeping: one log for all, and no copy of the configuration.
    sys.argv[1:] = ["hydra.run.dir=${tracking.dir}/verify", "hydra.output_subdir=null", *settings]
    launch(lambda config: main(files, config.index if is_named else None), stopped="stopped")
