"""Rows of JSON: what two readers could understand differently is refused (FAULTS F29–F36)."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftctl_adapters.records.strict_json import NotStrict, parse


@pytest.mark.parametrize(
    ("line", "reason", "byte"),
    [
        (b'{"text":"caf\xe9"}', "invalid UTF-8", 12),
        (b'{"text": NaN}', "NaN is not JSON", None),
        (b'{"text": -Infinity}', "-Infinity is not JSON", None),
        (b'{"n": 1e999}', "number out of range: 1e999", None),
        (b'{"n": ' + b"9" * 5000 + b"}", "number of 5000 digits (limit 400)", None),
        (b'{"text":"a","text":"b"}', "duplicate key 'text'", None),
        (b'{"text":"a", "text" :"b"}', "duplicate key 'text'", None),
        (b'{"text":"a", "text"\t:"b"}', "duplicate key 'text'", None),
        (b'{"a":{"text":"a", "text"  : "b"}}', "duplicate key 'text'", None),
        (b'{"text":"\\ud800"}', "lone surrogate (\\ud800–\\udfff)", None),
        (b'{"text":"\\u0000"}', "control character U+0000", None),
        (b'{"\\u0007":"x"}', "control character U+0007", None),
        (b'{"text":"\x00"}', "not JSON: Invalid control character at", 9),
        (b"[" * 100_000, "too deep (limit 64)", 64),
        (b'{"a":1} {"a":2}', "not JSON: Extra data", 8),
        (b"", "not JSON: Expecting value", 0),
        (b'{"a":"' + "é".encode() + b'" x}', "not JSON: Expecting ',' delimiter", 10),
    ],
)
def test_each_defect_has_its_reason_and_place(line: bytes, reason: str, byte: int | None) -> None:
    with pytest.raises(NotStrict) as caught:
        parse(line)
    assert caught.value.reason.startswith(reason[:20])
    assert caught.value.byte == byte


def test_brackets_inside_text_are_not_depth() -> None:
    assert parse(json.dumps({"text": "[" * 500 + '"\\'}).encode()) == {"text": "[" * 500 + '"\\'}


def test_hostile_rows_take_no_time() -> None:
    with pytest.raises(NotStrict):
        parse(b'"\\' * 200_000 + b"[" * 65)
    with pytest.raises(NotStrict, match="duplicate"):
        parse(json.dumps({str(n): n for n in range(200_000)})[:-1].encode() + b', "199999": 1}')


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs", "Cc"))),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=("Cs", "Cc"))), inner),
    max_leaves=20,
)


@given(values)
def test_ordinary_json_is_read_as_it_is(value: object) -> None:
    assert parse(json.dumps(value).encode()) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(NotStrict):
        parse(data)
