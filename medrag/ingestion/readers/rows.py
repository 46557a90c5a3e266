"""Reads .jsonl and .csv: one document for each row; a bad row is rejected and reading goes on."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, BinaryIO

from ...config import FieldsConfig
from ...text.cleaning import clean_text
from ...types import Block, Document, Rejected
from .reader import Source, one_line

LINE_LIMIT = 64 << 20  # bytes in a line, and characters in a CSV field
_USUAL = {
    "text": ("text", "contents", "abstract", "body"),
    "title": ("title",),
    "id": ("id", "_id", "pmid", ""),  # pandas writes a row's index under no name
    "url": ("url",),
}  # the names that are tried in turn if the configuration gives none
_Lines = Iterator[tuple[int, bytes | None]]  # number and bytes, None for a line that is too long


class _BadRowError(Exception):
    """One row cannot be used; the message says why."""


def read(source: Source) -> Iterator[Document | Rejected]:
    """Yield a Document or a Rejected for each row that is not blank; hold one row at a time.

    A row without an id gets the number of the line where it starts. Quoted CSV fields may hold
    newlines.

    Raises:
        DocumentError: the file cannot be read, or a CSV header lacks a required field.
    """
    documents = _jsonl if source.suffix == ".jsonl" else _csv
    with source.path.open("rb") as file:
        yield from documents(_lines(file, source), source)


def _jsonl(lines: _Lines, source: Source) -> Iterator[Document | Rejected]:
    for number, line in lines:
        try:
            text = _decoded(line)
            if text.strip():
                yield _document(_object(text), number, source)
        except _BadRowError as error:
            yield _rejected(error, number, source)


def _csv(lines: _Lines, source: Source) -> Iterator[Document | Rejected]:
    rows = _csv_rows(lines)
    try:
        header = _header(_good(next(rows, (1, "no text"))[1]))
        _pick(dict.fromkeys(header), source.corpus.fields)
    except _BadRowError as error:
        raise source.error(f"header: {error}") from error
    for number, cells in rows:
        try:
            yield _document(_row(header, _good(cells)), number, source)
        except _BadRowError as error:
            yield _rejected(error, number, source)


def _rejected(error: _BadRowError, number: int, source: Source) -> Rejected:
    return Rejected(f"{source.document_id}#{number}", f"line {number}: {error}")


def _lines(file: BinaryIO, source: Source) -> _Lines:
    """Yield the 1-based number of each line and its bytes, or None if it is above `LINE_LIMIT`."""
    number = 0
    try:
        while line := file.readline(LINE_LIMIT + 1):
            number += 1
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if len(line) <= LINE_LIMIT:
                yield number, line
                continue
            while line and not line.endswith(b"\n"):
                line = file.readline(1 << 20)
            yield number, None
    except OSError as error:
        why = error.strerror or error
        raise source.error(f"cannot be read after line {number}: {why}") from error


def _decoded(line: bytes | None) -> str:
    if line is None:
        raise _BadRowError(f"longer than {LINE_LIMIT >> 20} MiB")
    if b"\0" in line:
        raise _BadRowError(f"binary data (NUL byte at byte {line.index(0)} of the line)")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _BadRowError(
            f"invalid UTF-8 at byte {error.start} of the line; save the file as UTF-8"
        ) from error


def _csv_rows(lines: _Lines) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the number of the first line of each row, and its cells or why it cannot be used."""
    csv.field_size_limit(max(csv.field_size_limit(), LINE_LIMIT))
    bad: list[str] = []
    # strict: a stray quote is reported; the lenient parser would garble the row.
    reader = csv.reader(_csv_lines(lines, bad), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            last = reader.line_num
            left_out = f"; lines {number} to {last} are left out" if last > number else ""
            yield number, f"not valid CSV ({error}){left_out}"
        else:
            if bad or cells:  # a blank line has no cells
                yield number, bad[0] if bad else cells
        bad.clear()


def _csv_lines(lines: _Lines, bad: list[str]) -> Iterator[str]:
    """Yield lines for the CSV parser; add the reason to `bad` if one cannot be decoded.

    Such a line is passed on with "?" for its bad bytes, so that the parser still sees where the
    row ends.
    """
    for _, line in lines:
        try:
            yield _decoded(line)
        except _BadRowError as error:
            bad.append(str(error))
            yield (line or b"?\n").replace(b"\0", b"?").decode("utf-8", "replace")


def _good(cells: list[str] | str) -> list[str]:
    if isinstance(cells, str):
        raise _BadRowError(cells)
    return cells


def _header(cells: list[str]) -> list[str]:
    """Return the names of the columns; a second column `name` becomes `name~2`."""
    uses: dict[str, int] = {}  # how many columns asked for a name, in the order of the file
    for cell in cells:
        name = unique = one_line(cell)
        while unique in uses:
            uses[name] += 1
            unique = f"{name}~{uses[name]}"
        uses[unique] = 1
    return list(uses)


def _object(text: str) -> dict[str, Any]:
    """Parse one JSON object. NaN and the infinities, such as 1e999, become None."""
    try:
        row = json.loads(text, parse_constant=lambda name: None, parse_float=_finite)
        if "\\ud" in text.lower():
            # An escape for half a character: no encoding, and so no store, can hold it.
            row = json.loads(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace"))
    except json.JSONDecodeError as error:
        raise _BadRowError(f"not valid JSON ({error.msg} at column {error.colno})") from error
    except (ValueError, RecursionError, MemoryError) as error:  # too deep or too long for Python
        raise _BadRowError(f"not usable JSON ({str(error) or 'out of memory'})") from error
    if not isinstance(row, dict):
        raise _BadRowError(f"expected a JSON object, found a {type(row).__name__}")
    return row


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if isfinite(number) else None


def _row(header: list[str], cells: list[str]) -> dict[str, Any]:
    if len(cells) > len(header):
        raise _BadRowError(f"{len(cells)} fields, but the header has {len(header)}")
    return dict(zip(header, cells, strict=False))


def _pick(row: Mapping[str, Any], fields: FieldsConfig) -> dict[str, str]:
    """Return the fields of `row` that serve as text, title, id and url, as far as it has them."""
    picked = {}
    for use, usual in _USUAL.items():
        wanted = str(getattr(fields, use))
        if wanted and wanted not in row:
            raise _BadRowError(
                f"no field {wanted!r} (corpus.fields.{use}); fields here: {', '.join(row)}"
            )
        found = [wanted] if wanted else [name for name in usual if name in row]
        if found:
            picked[use] = found[0]
    if "text" not in picked:
        raise _BadRowError(
            f"no field {', '.join(_USUAL['text'])}; fields here: {', '.join(row)}; "
            "set corpus.fields.text to the one to read"
        )
    return picked


def _document(row: dict[str, Any], number: int, source: Source) -> Document:
    picked = _pick(row, source.corpus.fields)
    text = row[picked["text"]]
    if isinstance(text, list) and all(isinstance(part, str) for part in text):
        text = "\n\n".join(text)
    if text is not None and not isinstance(text, str):
        raise _BadRowError(f"field {picked['text']!r} holds a {type(text).__name__}, not text")
    if not text or not clean_text(text):
        raise _BadRowError(f"no text in field {picked['text']!r}")
    row_id = _scalar(row, picked.get("id")) or str(number)
    return Document(
        id=f"{source.document_id}#{row_id}",
        title=_scalar(row, picked.get("title")) or one_line(text, 80),
        blocks=(Block(text),),
        url=_scalar(row, picked.get("url")),
        metadata={name: value for name, value in row.items() if name not in picked.values()},
    )


def _scalar(row: dict[str, Any], name: str | None) -> str:
    value = None if name is None else row.get(name)
    return one_line(str(value)) if isinstance(value, str | int | float) else ""
