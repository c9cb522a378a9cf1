"""A database that is only read."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from ftctl.ports import DataSourceError


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
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only = ON")
            elif engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            yield connection
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        step = "for example sqlite:///rows.db, or postgresql+psycopg://… with ftctl-sql[postgresql]"
        raise DataSourceError(f"{url_env} holds no address that can be used", next_step=step) from error
    except SQLAlchemyError as error:
        raise DataSourceError(
            f"{url_env}: {_without(url, error)}", next_step="check the query and the rights"
        ) from error
    finally:
        if engine is not None:
            engine.dispose()


def figures(connection: Any, query: str, key: str, updated: str | None) -> Sequence[Any]:
    """How many rows there are, the first and the last key, and the time of the latest change where that is known."""
    import sqlalchemy

    quote = connection.engine.dialect.identifier_preparer.quote
    latest = f", max(q.{quote(updated)})" if updated else ""
    what = f"count(*), min(q.{quote(key)}), max(q.{quote(key)}){latest}"
    statement = sqlalchemy.text(f"SELECT {what} FROM ({query}) AS q")  # noqa: S608 # the user's own query, read-only
    found: Sequence[Any] = tuple(connection.execute(statement).one())
    return found


def page(connection: Any, query: str, key: str, last: Any, size: int) -> list[dict[str, Any]]:
    """The next rows behind ``last``, as mappings from column to value; from the first one where it is ``None``."""
    import sqlalchemy

    quoted = connection.engine.dialect.identifier_preparer.quote(key)
    behind = f"WHERE q.{quoted} > :last " if last is not None else ""
    text = f"SELECT * FROM ({query}) AS q {behind}ORDER BY q.{quoted} LIMIT :size"  # noqa: S608 # as above
    values = {"size": size} | ({"last": last} if last is not None else {})
    return [dict(row) for row in connection.execute(sqlalchemy.text(text), values).mappings()]


def _without(url: str, error: Exception) -> str:
    """The first line of what the driver said, without the address and its secret."""
    import sqlalchemy

    text = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    password = sqlalchemy.engine.make_url(url).password
    for secret in (url, str(password) if password else url):
        text = text.replace(secret, "…")
    return text
