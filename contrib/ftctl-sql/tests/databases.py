"""The table that the tests read."""

from collections.abc import Callable, Sequence

import sqlalchemy

ROWS = [
    (1, "Hello?", "Good day.", "greeting"),
    (2, "你好吗?", "很好。\n谢谢 😀", "greeting"),
    (3, "What is empty?", "", "odd"),
    (4, "What is missing?", None, "odd"),
    *((n, f"double {n}", str(2 * n), "number") for n in range(5, 30)),
]
QUERY = "SELECT id, question, answer, topic FROM conversations"
CREATE = "CREATE TABLE conversations (id INTEGER, question TEXT, answer TEXT, topic TEXT)"


def fill(url: str, rows: Sequence[tuple[object, ...]] = ROWS) -> None:
    """Makes the table anew."""
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS conversations")
        connection.exec_driver_sql(CREATE)
        for row in rows:
            values = dict(zip(("a", "b", "c", "d"), row, strict=True))
            connection.execute(sqlalchemy.text("INSERT INTO conversations VALUES (:a, :b, :c, :d)"), values)


def execute(url: str, statement: str) -> Callable[[], None]:
    """Something to be done to the database later."""

    def call() -> None:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)

    return call
