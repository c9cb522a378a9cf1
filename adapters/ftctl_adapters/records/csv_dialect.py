"""Guess how a CSV file is written: encoding, separator, quoting, and whether its first line holds names."""

import csv
import io
from collections.abc import Callable
from typing import IO

from attrs import frozen

from ftctl_adapters.records.encodings import SAMPLE, guessed
from ftctl_adapters.records.tables import DECLARED

SEPARATORS = ",;\t|"
LINES = 100
"""Lines that the guess is made from."""


@frozen
class CsvDialect:
    """How a CSV file seems to be written; ``header``: its first line holds the columns' names."""

    encoding: str
    delimiter: str
    quote: str
    header: bool

    def sentence(self) -> str:
        """Return the guess in words."""
        named = {"\t": "a tab", ",": "','", ";": "';'", "|": "'|'"}[self.delimiter]
        names = "names in the first line" if self.header else "no names in its first line, which is taken for names"
        return f"{self.encoding}, cells divided by {named} and quoted by {self.quote}, {names}"

    def options(self) -> dict[str, str]:
        """Return the options of the source ``csv`` that differ from its defaults."""
        found = {"delimiter": self.delimiter} if self.delimiter != "," else {}
        plain = self.encoding.replace("-", "").replace("_", "").lower() in ("utf8", "utf8sig", "ascii")
        return found | ({} if plain else {"encoding": self.encoding})


def csv_dialect(opened: Callable[[], IO[bytes]], name: str) -> CsvDialect | None:
    """Return the dialect of a file by its first lines (csv.Sniffer); ``None`` if it has no cells.

    Raises:
        DataSourceError: its encoding cannot be guessed.
    """
    encoding = guessed(opened, name)
    with opened() as stream:
        text = stream.read(SAMPLE).decode(encoding, errors="replace").lstrip("\ufeff")
    lines = io.StringIO(text, newline="").readlines()[:LINES]
    declared = DECLARED.fullmatch(lines[0]) if lines else None
    lines = lines[1:] if declared else lines
    sample = "".join(lines if len(lines) < LINES else lines[:-1])
    try:
        found = csv.Sniffer().sniff(sample, declared[1] if declared else SEPARATORS)
    except csv.Error:
        return None
    if found.delimiter not in SEPARATORS:
        return None
    try:
        # columns of text alone look like a header and rows alike: a name is short and stands in no other row
        header = csv.Sniffer().has_header(sample) or _named(sample, found.delimiter)
    except (csv.Error, StopIteration):
        header = True
    return CsvDialect(encoding, found.delimiter, found.quotechar or '"', header)


def _named(sample: str, delimiter: str) -> bool:
    rows = [row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if row]
    if not rows:
        return True
    first, rest = rows[0], rows[1:]
    lengths = [len(cell) for row in rest for cell in row]
    usual = sum(lengths) / max(len(lengths), 1)
    return all(cell.strip() and not any(row[place : place + 1] == [cell] for row in rest)
               for place, cell in enumerate(first)) and sum(map(len, first)) / len(first) < max(usual, 4)  # fmt: skip
