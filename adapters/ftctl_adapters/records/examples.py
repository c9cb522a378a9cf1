"""Read canonical examples from rows of files."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import Factory, define

from ftctl.domain.example import Example, Rejection
from ftctl.domain.names import nearest
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records.annotations import unwrapped
from ftctl_adapters.records.formats import NotThisFormat, detect, to_example, unknown_format
from ftctl_adapters.records.row_mapping import RowMapping
from ftctl_adapters.records.tables import Placed, Row

USES = ("used", "kept", "ignored", "unreadable")
"""Uses of a row's keys: by the format, as metadata, left out on request, left out for want of a plain form."""
EXCERPT = 120
"""Characters of a refused row that are kept."""


@define
class ExampleReader:
    """Reader of rows in one format: the declared one, or the first that was detected.

    ``mapping`` has the names that the rows have instead of the format's. ``ignore`` are keys to leave out although
    training should heed them; rows that are not ``trained`` may have any. ``formats`` counts what was read, ``keys``
    the rows that have each key, by its use.
    """

    format: str = "auto"
    mapping: RowMapping = Factory(RowMapping)
    ignore: Sequence[str] = ()
    trained: bool = True
    formats: Counter[str] = Factory(Counter)
    keys: dict[str, Counter[str]] = Factory(lambda: {use: Counter() for use in USES})
    _seen: bool = False

    def read(self, rows: Iterable[Row]) -> Iterator[Example | Rejection]:
        """Yield every row, as an example or as a rejection.

        Raises:
            DataSourceError: the first row lacks a name that others are mapped to.
        """
        for row in rows:
            yield row if isinstance(row, Rejection) else self._example(row)

    def _example(self, row: Placed) -> Example | Rejection:
        where, byte = row.where, row.byte
        values: Mapping[str, Any] = row.values
        excerpt = str(values)[:EXCERPT]
        missing = self.mapping.missing(values)
        if missing:
            return self._lacking(row, missing)
        self._seen = True
        try:
            values = unwrapped(self.mapping.applied(values))
        except NotThisFormat as error:
            return Rejection(where, str(error), excerpt, byte)
        form = detect(values) if self.format == "auto" else self.format
        if form is None:
            return Rejection(where, unknown_format(values), excerpt, byte)
        if self.format == "auto" and self.formats and form not in self.formats:
            declared = next(iter(self.formats))
            said = f"format {form} in a file of {declared}; declare one: data_source.format"
            return Rejection(where, said, byte=byte)
        try:
            read = to_example(values, form, where, byte, self.ignore, trained=self.trained)
        except NotThisFormat as error:
            return Rejection(where, str(error), excerpt, byte)
        except KeyError as error:
            return Rejection(where, f"format {form} needs the key {error}", excerpt, byte)
        self.formats[form] += 1
        for use in USES:
            self.keys[use].update(getattr(read, use))
        return read.example

    def never_ignored(self) -> list[str]:
        """Return the keys to leave out that no row had."""
        return [key for key in self.ignore if self.formats and not self.keys["ignored"][key]]

    def described(self) -> dict[str, Any]:
        """Return formats and keys for `DataDescribed`; empty counts are left out."""
        keys = {f"keys_{use}": dict(sorted(found.items())) for use, found in self.keys.items() if found}
        return {"formats": dict(self.formats), **keys}

    def _lacking(self, row: Placed, name: str) -> Rejection:
        there = ", ".join(map(str, row.values))
        if not self._seen:
            meant = nearest(name, [str(one) for one in row.values])
            hint = f"; did you mean {meant!r}?" if meant else ""
            cells = len(row.values) == 1 and re.search(r"[;\t|]", there)
            step = "correct data_source.delimiter" if cells else "correct data_source.names"
            raise DataSourceError(f"{row.where}: no field {name!r}{hint}; there are: {there[:EXCERPT]}", next_step=step)
        return Rejection(row.where, f"no field {name!r}", str(row.values)[:EXCERPT], row.byte)
