"""The source keeps the contract of data sources, over SQLite and over PostgreSQL."""

import pytest
from databases import QUERY, execute, fill

from ftctl.testing.contracts import DataSourceContract

VALUES = {"url_env": "TEST_DB", "query": QUERY, "prompt": "question", "completion": "answer", "page_size": 7}
ANOTHER = "INSERT INTO conversations VALUES (99, 'one more?', 'yes', 'late')"


class Sql(DataSourceContract, contract=True):
    @pytest.fixture
    def offer(self):
        return "sql"

    @pytest.fixture
    def values(self, url):
        return VALUES

    @pytest.fixture
    def holding(self, url):
        def hold(texts):
            fill(url, [(number, text, "x", "") for number, text in enumerate(texts)])
            return VALUES

        return hold

    @pytest.fixture
    def absent(self):
        return VALUES | {"url_env": "NO_SUCH_DB"}

    @pytest.fixture
    def changed(self, url):
        return execute(url, ANOTHER)


class TestOverSqlite(Sql):
    @pytest.fixture
    def url(self, sqlite):
        return sqlite


class TestOverPostgresql(Sql):
    @pytest.fixture
    def url(self, postgresql):
        return postgresql
