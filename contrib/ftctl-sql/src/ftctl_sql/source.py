"""Rows of a database as training examples."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from ftctl.domain import Example, Rejection
from ftctl.ports import DataSource, DataSourceError, StageContext
from ftctl_sql.database import figures, page, reading
from ftctl_sql.options import SqlOptions, check, select
from ftctl_sql.pages import Pages
from ftctl_sql.rows import example


class SqlSource(DataSource):
    """Page after page in the order of the key; a reading that was killed goes on behind its last complete page."""

    def __init__(self, options: SqlOptions) -> None:
        check(options)
        self._options = options

    def fingerprint(self) -> str:
        given = self._options
        with reading(given.url_env) as connection:
            found = [str(value) for value in figures(connection, select(given), given.key, given.updated)]
        return hashlib.sha256(json.dumps([given.query, given.key, *found]).encode()).hexdigest()

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        pages = Pages(context.work, self.fingerprint())
        for rows in pages.kept():
            yield from self._examples(rows)
        for rows in self._fresh(pages):
            yield from self._examples(rows)
            context.stop_if_cancelled()

    def _fresh(self, pages: Pages) -> Iterator[list[dict[str, Any]]]:
        given = self._options
        with reading(given.url_env) as connection:
            expected = int(figures(connection, select(given), given.key, None)[0])
        while pages.rows < expected:
            with reading(given.url_env) as connection:
                rows = page(connection, select(given), given.key, pages.last, given.page_size)
            if not rows or rows[-1].get(given.key) is None:
                text = f"only {pages.rows} of {expected} rows can be reached by {given.key!r}"
                raise DataSourceError(text, next_step="data_source.key must be unique and never null")
            last = rows[-1][given.key]
            if not isinstance(last, int | str | UUID):
                text = f"the key {given.key!r} is a {type(last).__name__}"
                raise DataSourceError(text, next_step="whole numbers, texts and UUIDs can be gone on behind")
            yield pages.keep(rows, last)

    def _examples(self, rows: list[dict[str, Any]]) -> Iterator[Example | Rejection]:
        return (example(row, self._options) for row in rows)
