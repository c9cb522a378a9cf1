"""A declared contract: each rule finds what breaks it, and all of them at once."""

from typing import Any

import pytest

from ftctl.application.dataset.row_contract import Rules, check
from ftctl.domain.example import Example, Message, Rejection
from ftctl.plugin.option_checks import check_options


def rules(**values: Any) -> Rules:
    good, problems = check_options(Rules, values, "contract")
    assert not problems
    return Rules(**good)


def row(*turns: str, **more: Any) -> Example:
    """Turns whose first letter is their role."""
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    said = tuple(Message(roles[turn[0]], turn) for turn in turns)  # type: ignore[arg-type]
    return Example(more.pop("where", "r:1"), said, **more)


@pytest.mark.parametrize(
    ("broken", "values", "said"),
    [
        (Example("r:1", text="x"), {"kind": "messages"}, "is text, not messages"),
        (row("u", "a"), {"kind": "preference"}, "is messages, not preference"),
        (row("u", "t", "a"), {"roles": ["user", "assistant"]}, "role tool; allowed: user, assistant"),
        (row("u", "a"), {"system": "required"}, "a system turn is required"),
        (row("s", "u", "a"), {"system": "forbidden"}, "a system turn is forbidden"),
        (row("u", "a"), {"min_turns": 3}, "2 turns; at least 3"),
        (row("u", "a", "u", "a"), {"max_turns": 2}, "4 turns; at most 2"),
        (row("u", "a"), {"min_chars": 9}, "2 characters; at least 9"),
        (Example("r:1", text="x" * 10), {"max_chars": 9}, "10 characters; at most 9"),
        (row("u", "a"), {"group": "required"}, "has no group"),
        (row("u", "a"), {"metadata": {"topic": "text"}}, "metadata.topic is missing"),
        (row("u", "a", metadata={"topic": 1}), {"metadata": {"topic": "text"}}, "metadata.topic is int, not text"),
        (row("u", "a", metadata={"n": True}), {"metadata": {"n": "whole"}}, "metadata.n is bool, not whole"),
        (row("u", "a", metadata={"b": 1}), {"closed": True}, "metadata.b is not in the contract"),
    ],
)
def test_each_rule_finds_what_breaks_it(broken: Example, values: dict[str, Any], said: str) -> None:
    good = {"kind": "any"} if "kind" in values else {}
    assert check([broken], rules(**values)).violations == [f"r:1: {said}"]
    assert check([broken], rules(**good)).violations == []


def test_all_of_them_are_told_at_once() -> None:
    rows = [row("u", "a"), row("u", "a", where="r:2"), Rejection("r:3", "not JSON"), row("u", "a b", where="r:4")]
    found = check(rows, rules(min_turns=3, max_rows=3), [("r:4", "one run of 13 tokens is in exam:1")])
    assert found.violations == [
        "r:1: 2 turns; at least 3", "r:2: 2 turns; at least 3", "r:2: says the same as r:1", "r:3: not JSON",
        "r:4: 2 turns; at least 3", "r:4: one run of 13 tokens is in exam:1", "4 rows; at most 3 are allowed",
    ]  # fmt: skip
    allowed = check(rows, rules(duplicates=1, unusable=1, overlap=1), [("r:4", "one run")])
    assert allowed.violations == []


def test_no_rows_are_no_data() -> None:
    assert check([], rules()).violations == ["0 rows; at least 1 are asked for"]


def test_a_type_that_is_none_is_a_problem_of_the_contract() -> None:
    assert rules(metadata={"a": "txt"}).problems() == [
        "metadata.a: must be one of text, number, whole, flag, list, mapping, not 'txt'"
    ]


@pytest.mark.parametrize(
    ("kept", "values"),
    [
        (row("u", "a"), {"min_turns": 2, "max_turns": 2, "min_chars": 2, "max_chars": 2, "max_rows": 1}),
        (row("s", "u", "a"), {"system": "required", "max_turns": 2}),
        (row("u", "a"), {"system": "forbidden"}),
        (row("u", "a", group="one"), {"group": "required"}),
        (row("u", "a"), {"group": "optional"}),
    ],
)
def test_what_is_exactly_at_a_limit_keeps_it(kept: Example, values: dict[str, Any]) -> None:
    assert check([kept], rules(**values)).violations == []
