"""What the contract cannot know: pages, going on, secrets, and a database that is only read."""

from pathlib import Path

import pytest
from databases import QUERY, ROWS, execute
from ftctl_sql.database import _without
from ftctl_sql.options import SqlOptions
from ftctl_sql.source import SqlSource
from test_contract import ANOTHER, VALUES

from ftctl.domain import Example, Rejection
from ftctl.errors import ConfigInvalid, FtctlError
from ftctl.ports import DataSourceError, StageContext


def source(**changed):
    return SqlSource(SqlOptions(**{**VALUES, **changed}))


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    for name in ("work", "out"):
        (tmp_path / name).mkdir()
    return StageContext(tmp_path / "work", tmp_path / "out", 1, lambda kind, **data: None, lambda: False, {})


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request):
    return request.getfixturevalue(request.param)


@pytest.mark.usefixtures("url")
def test_every_row_is_told_once_in_the_order_of_the_key(context):
    found = list(source().examples(context))
    assert [row.where for row in found] == [f"id={row[0]}" for row in ROWS]
    assert [row.reason for row in found if isinstance(row, Rejection)] == ["answer is empty", "answer is empty"]
    second = found[1]
    assert isinstance(second, Example)
    assert (second.answer, second.metadata) == ("很好。\n谢谢 😀", {"id": 2, "topic": "greeting"})


@pytest.mark.usefixtures("url")
def test_who_was_killed_goes_on_behind_the_last_page(context, monkeypatch):
    rows = source().examples(context)
    for _ in range(10):
        next(rows)
    del rows
    asked = []
    real = __import__("ftctl_sql.source", fromlist=["page"]).page
    monkeypatch.setattr("ftctl_sql.source.page", lambda *given: asked.append(given[3]) or real(*given))
    assert [row.where for row in source().examples(context)] == [f"id={row[0]}" for row in ROWS]
    assert asked[0] == 14


def test_rows_that_changed_are_read_anew(url, context):
    before = list(source().examples(context))
    execute(url, ANOTHER)()
    assert len(list(source().examples(context))) == len(before) + 1


def test_an_edit_in_place_is_noticed_by_the_time_of_it(url):
    execute(url, "ALTER TABLE conversations ADD COLUMN edited INTEGER DEFAULT 1")()
    query = "SELECT id, question, answer, edited FROM conversations"
    before = source(query=query, updated="edited").fingerprint()
    execute(url, "UPDATE conversations SET answer = 'x', edited = 2 WHERE id = 5")()
    assert source(query=query, updated="edited").fingerprint() != before


@pytest.mark.parametrize(
    "change", ["UPDATE conversations SET id = NULL WHERE id < 9", "UPDATE conversations SET id = 5"]
)
def test_a_key_that_is_none_is_refused_and_no_row_is_lost_in_silence(url, context, change):
    execute(url, change)()
    with pytest.raises(DataSourceError, match="rows can be reached by 'id'"):
        list(source().examples(context))


@pytest.mark.parametrize("query", ["DELETE FROM conversations", "SELECT 1; DROP TABLE conversations", "", "-- SELECT"])
def test_what_is_no_single_select_is_refused(query):
    with pytest.raises(ConfigInvalid, match="must be one SELECT"):
        source(query=query)


def test_a_select_that_writes_is_stopped_by_the_database(postgresql):
    body = "DELETE FROM conversations; SELECT 1"
    execute(postgresql, f"CREATE OR REPLACE FUNCTION hurt() RETURNS int AS '{body}' LANGUAGE sql")()
    with pytest.raises(DataSourceError, match="read-only transaction"):
        source(query=f"SELECT hurt() AS wound, q.* FROM ({QUERY}) AS q").fingerprint()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("postgresql+psycopg://reader:very-secret@127.0.0.1:1/postgres", "TEST_DB: "),
        ("postgresql+psycopg://reader:pass@very:secret@127.0.0.1/postgres", "TEST_DB"),
        ("nonsense very-secret", "holds no address"),
        ("nosuch://reader:very-secret@host/x", "holds no address"),
    ],
)
def test_no_secret_stands_in_a_message(monkeypatch, value, said):
    monkeypatch.setenv("TEST_DB", value)
    with pytest.raises(FtctlError) as caught:
        source().fingerprint()
    assert said in caught.value.what
    assert "very" not in caught.value.what
    assert "secret" not in caught.value.what


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"prompt": None}, "prompt and completion belong together"),
        ({"text": "question"}, "say what is trained"),
        ({"prompt": None, "completion": None}, "say what is trained"),
    ],
)
def test_what_does_not_fit_together_is_refused(changed, said):
    with pytest.raises(ConfigInvalid, match=said):
        source(**changed)


def test_turns_are_a_json_list(sqlite, context):
    execute(sqlite, "DELETE FROM conversations")()
    turns = '[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]'
    for number, value in enumerate((turns, "no json", "[]", '[{"role": "king", "content": "x"}]')):
        execute(sqlite, f"INSERT INTO conversations VALUES ({number}, '{value}', '', '')")()
    found = list(source(prompt=None, completion=None, messages="question").examples(context))
    assert [type(row).__name__ for row in found] == ["Example", "Rejection", "Rejection", "Rejection"]


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize(
    "query",
    [
        f"{QUERY} -- only some",
        f"{QUERY}; -- all",
        f"/* why */ {QUERY} WHERE topic <> ':smile' AND topic <> 'a -- b; c';\n",
        f'{QUERY} WHERE topic <> \'\x7b"n":1,"size":last\x7d\'',
    ],
)
def test_a_query_may_have_comments_colons_and_an_end(query, context):
    assert len(list(source(query=query).examples(context))) == len(ROWS)


def test_a_key_that_cannot_be_gone_on_behind_is_refused(sqlite, context):
    execute(sqlite, "UPDATE conversations SET id = CAST(printf('k%03d', id) AS BLOB)")()
    with pytest.raises(DataSourceError, match="the key 'id' is a bytes"):
        list(source().examples(context))


def test_a_database_of_which_nothing_is_known_is_refused(monkeypatch):
    monkeypatch.setenv("TEST_DB", "mysql+pymysql://reader@127.0.0.1/x")
    with pytest.raises(DataSourceError, match=r"holds no address|not known how to read only"):
        source().fingerprint()


def test_a_secret_that_was_taken_for_a_host_is_hidden_too():
    url = "postgresql+psycopg://reader:pass@very-secret@db.example.org/x"
    told = _without(url, OSError("could not translate host name 'very-secret@db.example.org' for reader"))
    assert told == "could not translate host name '…@db.example.org' for …"
