"""Reads .jsonl, .csv and .tsv: one document a row, or one table; bad rows are rejected alone."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, count, takewhile
from math import isfinite
from typing import Any, BinaryIO

from ...config import FieldsConfig
from ...text.cleaning import clean_text
from ...types import Block, BlockKind, Document, Rejected
from .reader import Source, flat, letters, one_line, split_question
from .tables import Cell, Row, table_blocks

LINE_LIMIT = 64 << 20  # bytes in a line, and characters in a CSV field
_USUAL = {
    "text": ("text", "contents", "abstract", "body", "answer"),
    "title": ("title",),
    "id": ("id", "_id", "pmid", ""),  # pandas writes a row's index under no name
    "url": ("url",),
}  # the names that are tried in turn if the configuration gives none
_DELIMITERS = ",;\t|"
_TABLE_BLOCK = 1 << 14  # characters of rows that are held at a time
_MOST_COLUMNS = 1000  # of a table
_MOST_BAD_ROWS = 1000  # of a table, where their reasons are held until its end
_NUMBER = re.compile(r"[<>≤≥=±~+\u2212\u2013-]?\s*[.,]?\d")
_PERIOD = re.compile(r"(?:19|20)\d\d\Z|.*\b(?:hours?|days?|weeks?|months?|years?)\b", re.IGNORECASE)
_EXCEL_SEPARATOR = re.compile(r'"?sep=(.)"?\s*\Z', re.IGNORECASE)
_EXCEL_UTF8 = ', in Excel as the file type "CSV UTF-8"'
_Lines = Iterator[tuple[int, bytes | None]]  # number and bytes, None for a line that is too long


class _BadRowError(Exception):
    """One row cannot be used; the message says why."""


def read(source: Source) -> Iterator[Document | Rejected]:
    """Yield a Document or a Rejected for each row that is not blank; hold one row at a time.

    A row without an id gets the number of the line where it starts. Quoted CSV fields may hold
    newlines. The columns of a CSV file are separated by commas, or else by semicolons, tabs or
    bars: by the first that gives the header the fields that are needed. Columns of the same name
    are kept as `name`, `name~2`; those with the name of the text are parts of the text.

    A CSV file without a field for the text is a table: one document, whose lines name their
    columns. Its bad rows follow it.

    A question comes first, as a block of its own: the field `question`, unless the configuration
    names the field of the text, or the question that a text starts with and then answers.

    Raises:
        DocumentError: the file cannot be read, or a CSV header lacks a field that the configuration
            names, or names no columns; a table has no row that can be read.
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
    fields = source.corpus.fields
    lines, delimiter = _sniffed(lines, fields)
    rows = _csv_rows(lines, delimiter)
    try:
        names = _good(next(rows, (1, "no text"))[1])
        header = _header(names)
        is_table = _is_table(list(map(one_line, names)), fields)
        if not is_table:
            _pick(dict.fromkeys(header), fields)
    except _BadRowError as error:
        raise source.error(f"header: {error}") from error
    if is_table:
        bad: list[Rejected] = []
        yield Document(source.document_id, source.title, _table(names, rows, bad, source))
        yield from bad
        return
    for number, cells in rows:
        try:
            yield _document(_row(header, _good(cells)), number, source)
        except _BadRowError as error:
            yield _rejected(error, number, source)


def _is_table(names: list[str], fields: FieldsConfig) -> bool:
    """Tell whether a file has no field for the text, and words name its two or more columns.

    A first line with numbers is taken for a row of a file without a header.
    """
    if fields.text or any(name.casefold() in _USUAL["text"] for name in names):
        return False
    why = ""
    if len(list(filter(None, names))) < 2:
        why = "the first line does not name two columns or more"
    elif len(names) > _MOST_COLUMNS:
        why = f"more than {_MOST_COLUMNS:,} columns"
    elif any(_NUMBER.match(name) and not _PERIOD.match(name) for name in names):
        why = "the first line has numbers, not the names of columns"
    if why:
        raise _BadRowError(
            f"no field {', '.join(_USUAL['text'])}, and no table: {why}; "
            f"fields here: {one_line(', '.join(names))}; set corpus.fields.text to the one to read"
        )
    return True


def _table(
    names: list[str],
    rows: Iterator[tuple[int, list[str] | str]],
    bad: list[Rejected],
    source: Source,
) -> Iterator[Block]:
    """Yield a table in blocks of some rows; add the rows that cannot be used to `bad`."""
    glue = "\n\n"
    for block in _table_parts(names, _usable(rows, len(names), bad, source)):
        yield replace(block, glue=glue)
        glue = "\n"
    if glue == "\n\n":
        raise source.error(bad[0].reason if bad else "a header without rows")


def _table_parts(names: list[str], rows: Iterator[list[str]]) -> Iterator[Block]:
    header = Row(map(Cell, names), header=True)
    held: list[Row] = []
    size = 0
    for cells in rows:
        # To `table_blocks`, a first cell alone may head the rows below it. Here it is a row.
        alone = bool(cells[0].strip()) and not any(map(str.strip, cells[1:]))
        if held and (alone or size > _TABLE_BLOCK):
            yield from table_blocks([header, *held], guess_header=False)
            held, size = [], 0
        if alone:
            text = ": ".join(filter(None, map(flat, (names[0], cells[0]))))
            yield Block(text, kind=BlockKind.table)
        else:
            held.append(Row(map(Cell, cells)))
            size += len(cells) + sum(map(len, cells))
    if held:
        yield from table_blocks([header, *held], guess_header=False)


def _usable(
    rows: Iterator[tuple[int, list[str] | str]], width: int, bad: list[Rejected], source: Source
) -> Iterator[list[str]]:
    """Yield the cells of each row that can be used."""
    for number, cells in rows:
        try:
            if any(_good(cells)[width:]):
                raise _BadRowError(f"{len(cells)} fields, but the header has {width}")
            yield _good(cells)
        except _BadRowError as error:
            bad.append(_rejected(error, number, source))
            if len(bad) == _MOST_BAD_ROWS:
                reason = f"{len(bad):,} rows cannot be used; the first: {bad[0].reason}"
                raise source.error(reason) from error


def _sniffed(lines: _Lines, fields: FieldsConfig) -> tuple[_Lines, str]:
    """Return the lines of a CSV file, and what separates its columns."""
    seen: list[tuple[int, bytes | None]] = []
    texts: list[str] = []  # the first two lines that are not blank
    for number, line in lines:
        try:
            text = _decoded(line)
        except _BadRowError:
            text = "?"
        if not texts and (said := _EXCEL_SEPARATOR.match(text)):  # Excel writes and hides it
            return chain(seen, [(number, b"\n")], lines), said[1]
        seen.append((number, line))
        texts += [text] if text.strip() else []
        if len(texts) == 2:
            break
    return chain(seen, lines), _delimiter(texts, fields)


def _delimiter(texts: list[str], fields: FieldsConfig) -> str:
    """Return the first delimiter with which the header has the fields that are needed.

    If none has, it is the one that gives most columns in the header and in the row below it.
    """
    for delimiter in _DELIMITERS:
        try:
            cells = next(csv.reader(texts[:1], delimiter=delimiter, strict=True), [])
            _pick(dict.fromkeys(_header(cells)), fields)
        except (_BadRowError, csv.Error):
            continue
        return delimiter
    return max(_DELIMITERS, key=lambda delimiter: _least_columns(texts, delimiter))


def _least_columns(texts: list[str], delimiter: str) -> int:
    try:
        return min(map(len, csv.reader(texts, delimiter=delimiter)), default=0)
    except csv.Error:
        return 0


def _rejected(error: _BadRowError, number: int, source: Source) -> Rejected:
    return Rejected(f"{source.document_id}#{number}", f"line {number}: {error}")


def _lines(file: BinaryIO, source: Source) -> _Lines:
    """Yield the 1-based number of each line and its bytes, or None if it is above `LINE_LIMIT`."""
    number = 0
    try:
        readline = _readline(file)
        while line := readline(LINE_LIMIT + 1):
            number += 1
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if len(line) <= LINE_LIMIT:
                yield number, line
                continue
            while line and not line.endswith(b"\n"):
                line = readline(1 << 20)
            yield number, None
    except OSError as error:
        why = error.strerror or error
        raise source.error(f"cannot be read after line {number}: {why}") from error
    except UnicodeDecodeError as error:
        where = f"after line {number}; save it as UTF-8"
        raise source.error(f"invalid {error.encoding.upper()} {where}") from error


def _readline(file: BinaryIO) -> Callable[[int], bytes]:
    """Return what reads a line, at most so many bytes, or characters of UTF-16, as UTF-8."""
    head = file.read(2)
    file.seek(0)
    if head not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return file.readline
    text = io.TextIOWrapper(file, "utf-16", newline="\n")
    return lambda limit: text.readline(limit).encode("utf-8", "surrogatepass")


def _decoded(line: bytes | None, how: str = "") -> str:
    if line is None:
        raise _BadRowError(f"longer than {LINE_LIMIT >> 20} MiB")
    if b"\0" in line:
        raise _BadRowError(f"binary data (NUL byte at byte {line.index(0)} of the line)")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _BadRowError(
            f"invalid UTF-8 at byte {error.start} of the line; save the file as UTF-8{how}"
        ) from error


def _csv_rows(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the number of the first line of each row, and its cells or why it cannot be used."""
    csv.field_size_limit(max(csv.field_size_limit(), LINE_LIMIT))
    bad: list[str] = []
    # strict: a stray quote is reported; the lenient parser would garble the row.
    reader = csv.reader(_csv_lines(lines, bad), delimiter=delimiter, strict=True)
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
            yield _decoded(line, _EXCEL_UTF8)
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
        row = json.loads(
            text,
            parse_constant=lambda name: None,
            parse_float=_finite,
            object_pairs_hook=_distinct,
        )
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


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):  # some keys occur twice
        return dict(
            zip(_header([key for key, _ in pairs]), (value for _, value in pairs), strict=True)
        )
    return row


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if isfinite(number) else None


def _row(header: list[str], cells: list[str]) -> dict[str, Any]:
    if any(cells[len(header) :]):
        raise _BadRowError(f"{len(cells)} fields, but the header has {len(header)}")
    row = dict(zip(header, cells, strict=False))
    if header[-1] == "" and not row.get(""):  # a header that ends with a delimiter
        row.pop("", None)
    return row


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
    if not fields.text and isinstance(row.get("question"), str):
        picked["question"] = "question"
    return picked


def _document(row: dict[str, Any], number: int, source: Source) -> Document:
    picked = _pick(row, source.corpus.fields)
    text = row[picked["text"]]
    parts = takewhile(row.__contains__, (f"{picked['text']}~{n}" for n in count(2)))
    if more := [row.pop(part) or "" for part in parts]:  # columns of the same name are one text
        text = list(filter(None, [text, *more]))
    if isinstance(text, list) and all(isinstance(part, str) for part in text):
        text = "\n\n".join(text)
    if text is not None and not isinstance(text, str):
        raise _BadRowError(f"field {picked['text']!r} holds a {type(text).__name__}, not text")
    if not text or not clean_text(text):
        raise _BadRowError(f"no text in field {picked['text']!r}")
    row_id = _scalar(row, picked.get("id")) or str(number)
    title = _scalar(row, picked.get("title"))
    question = str(row[picked["question"]]) if "question" in picked else ""
    asked, rest = split_question(text, (question, title if "?" in title else ""))
    questions = [question or asked] if letters(asked) == letters(question) else [question, asked]
    blocks = [Block(text, kind=BlockKind.question) for text in questions if clean_text(text)]
    return Document(
        id=f"{source.document_id}#{row_id}",
        title=title or one_line(question or asked or text, 80),
        blocks=(*blocks, Block(rest)),
        url=_scalar(row, picked.get("url")),
        metadata={name: value for name, value in row.items() if name not in picked.values()},
    )


def _scalar(row: dict[str, Any], name: str | None) -> str:
    value = None if name is None else row.get(name)
    return one_line(str(value)) if isinstance(value, str | int | float) else ""
