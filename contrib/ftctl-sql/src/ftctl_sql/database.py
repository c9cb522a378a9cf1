"""A database that is only read."""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from ftctl.ports import DataSourceError

READ_ONLY = {"sqlite": "PRAGMA query_only = ON", "postgresql": "SET TRANSACTION READ ONLY"}
"""How each database is told that nothing may be written."""
SHORTEST = 3
"""Letters of a part of an address that is worth hiding; user names are hidden too."""


@contextlib.contextmanager
def reading(url_env: str) -> Iterator[Any]:
    """A connection on which writing is forbidden; closed afterwards.

    Raises:
        DataSourceError: no such variable, no such database, or what it said about a statement, without its address.
    """
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    url = os.environ.get(url_env)
    if not url:
        raise DataSourceError(f"the environment variable {url_env} is not set", next_step="it holds the address")
    engine = None
    try:
        engine = sqlalchemy.create_engine(sqlalchemy.make_url(url), poolclass=sqlalchemy.pool.NullPool)
        if engine.dialect.name not in READ_ONLY:
            known = " and ".join(READ_ONLY)
            raise DataSourceError(
                f"{url_env}: of {engine.dialect.name} it is not known how to read only; of {known} it is"
            )
        with engine.connect() as connection:
            connection.exec_driver_sql(READ_ONLY[engine.dialect.name])
            yield connection
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        step = "for example sqlite:///rows.db, or postgresql+psycopg://… with ftctl-sql[postgresql]"
        raise DataSourceError(f"{url_env} holds no address that can be used", next_step=step) from error
    except SQLAlchemyError as error:
        step = "check the query and the rights"
        raise DataSourceError(f"{url_env}: {_without(url, error)}", next_step=step) from error
    finally:
        if engine is not None:
            engine.dispose()


def figures(connection: Any, query: str, key: str, updated: str | None) -> Sequence[Any]:
    """How many rows there are, the first and the last key, and the time of the latest change where that is known."""
    import sqlalchemy

    quote = connection.engine.dialect.identifier_preparer.quote
    latest = f", max(q.{quote(updated)})" if updated else ""
    what = f"count(*), min(q.{quote(key)}), max(q.{quote(key)}){latest}"
    statement = sqlalchemy.text(f"SELECT {what} FROM (\n{escaped(query)}\n) AS q")  # noqa: S608 # the user's own query, read-only
    found: Sequence[Any] = tuple(connection.execute(statement).one())
    return found


def page(connection: Any, query: str, key: str, last: Any, size: int) -> list[dict[str, Any]]:
    """The next rows behind ``last``, as mappings from column to value; from the first one where it is ``None``."""
    import sqlalchemy

    quoted = connection.engine.dialect.identifier_preparer.quote(key)
    behind = f"WHERE q.{quoted} > :last " if last is not None else ""
    text = f"SELECT * FROM (\n{escaped(query)}\n) AS q {behind}ORDER BY q.{quoted} LIMIT :size"  # noqa: S608 # as above
    values = {"size": size} | ({"last": last} if last is not None else {})
    return [dict(row) for row in connection.execute(sqlalchemy.text(text), values).mappings()]


def escaped(query: str) -> str:
    """The query, in which a colon is a colon and begins no parameter of SQLAlchemy's."""
    return query.replace(":", "\\:")


def _without(url: str, error: Exception) -> str:
    """The first line of what the driver said, without any part of the address that could be its secret."""
    text = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    secret = url.partition("://")[2].rpartition("@")[0]
    parts = {url, secret, *re.split(r"[:@/]", secret)} if secret else {url}
    for part in sorted((one for one in parts if len(one) >= SHORTEST), key=len, reverse=True):
        text = text.replace(part, "…")
    return text
