"""The formats of FIELD's data section become the same canonical example."""

from typing import Any

import pytest

from ftctl.domain.example import Example, Message
from ftctl_adapters.records.formats import NotThisFormat, detect, to_example, unknown_format

TURNS = (Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Hello"))
SAME: list[dict[str, Any]] = [
    {"messages": [{"role": m.role, "content": m.content} for m in TURNS]},
    {
        "conversations": [
            {"from": "system", "value": "Be brief."},
            {"from": "human", "value": "Hi"},
            {"from": "gpt", "value": "Hello"},
        ]
    },
    {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}], "system": "Be brief."},
    {"instruction": "Hi", "input": "", "output": "Hello", "system": "Be brief."},
    {"prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}], "completion": "Hello"},
]


def example(row: dict[str, Any]) -> Example:
    form = detect(row)
    assert form is not None
    return to_example(row, form, "f:1")


@pytest.mark.parametrize("row", SAME)
def test_one_conversation_in_every_format(row: dict[str, Any]) -> None:
    assert example(row).messages == TURNS
    assert example(row).content_digest == example(SAME[0]).content_digest


def test_history_comes_before_the_question() -> None:
    row = {"instruction": "And now?", "input": "Say.", "output": "Bye", "history": [["Hi", "Hello"]]}
    assert [m.content for m in example(row).messages] == ["Hi", "Hello", "And now?\nSay.", "Bye"]


def test_unknown_fields_go_to_the_metadata_and_group_and_tools_are_kept() -> None:
    row = {**SAME[0], "id": 7, "metadata": {"lang": "en"}, "group": "g", "tools": [{"name": "t"}]}
    found = example(row)
    assert (found.metadata, found.group, found.tools) == ({"lang": "en", "id": 7}, "g", [{"name": "t"}])


def test_no_group_is_no_group() -> None:
    assert example({**SAME[0], "group": None}).group == ""


def test_a_row_survives_the_canonical_form() -> None:
    found = example(
        {"messages": [{"role": "user", "content": "é\n你好"}, {"role": "assistant", "content": "x", "weight": 1}]}
    )
    assert Example.from_row(found.to_row()) == found


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": []}, "must be a list with turns"),
        ({"messages": "Hi"}, "must be a list with turns"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "the last turn is user's"),
        ({"messages": [{"role": "narrator", "content": "Hi"}]}, "unknown role 'narrator'"),
        ({"messages": [{"role": "user"}]}, "turn 1: needs `role` and `content`"),
        ({"messages": [{"role": "assistant", "content": None}]}, "must be text, not NoneType"),
        ({"messages": [{"role": "assistant", "content": " "}]}, "the answer is empty"),
        ({"messages": [{"role": "assistant", "content": "a", "weight": 2}]}, "weight must be 0 or 1"),
        ({"messages": [{"role": "assistant", "content": "a", "weight": 0}]}, "no assistant turn has a weight"),
        (
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "system", "content": "b"},
                    {"role": "assistant", "content": "c"},
                ]
            },
            "a system turn must come first",
        ),
        ({"instruction": 1, "output": "x"}, "instruction must be text"),
        ({"instruction": "a", "output": "x", "history": ["a"]}, "`history`"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, "needs a turn before it"),
        ({"messages": [{"role": "user", "content": "a", "tool_calls": []}]}, "cannot use the key 'tool_calls'"),
        ({"text": "  "}, "empty text"),
        ({"text": 3}, "text must be text"),
        ({"prompt": "a", "completion": None}, "completion must be text"),
    ],
)
def test_a_row_that_cannot_be_used_says_why(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotThisFormat, match=reason):
        example(row)


def test_a_row_of_no_known_format_is_not_guessed() -> None:
    assert detect({"question": "a", "answer": "b"}) is None


@pytest.mark.parametrize(
    ("row", "told"),
    [({"mesages": []}, "did you mean 'messages'"), ({"xyz": 1}, "keys xyz; known are messages, sharegpt")],
)
def test_a_row_of_no_known_format_is_told_what_was_meant(row: dict[str, Any], told: str) -> None:
    assert told in unknown_format(row)


ASKED, YES, NO = (
    {"role": "user", "content": "Q"},
    {"role": "assistant", "content": "A"},
    {"role": "assistant", "content": "B"},
)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Q", "chosen": "A", "rejected": "B"},
        {"prompt": [ASKED], "chosen": [YES], "rejected": [NO]},
        {"chosen": [ASKED, YES], "rejected": [ASKED, NO]},
    ],
)
def test_a_preference_pair_in_every_form(row: dict[str, Any]) -> None:
    found = to_example(row, str(detect(row)), "f:1")
    assert [m.content for m in found.messages] == ["Q", "A"]
    assert [m.content for m in found.rejected] == ["B"]
    assert Example.from_row(found.to_row()) == found


@pytest.mark.parametrize(
    "row",
    [
        {"chosen": "A", "rejected": "B"},
        {"prompt": "Q", "chosen": [YES, ASKED, YES], "rejected": [NO]},
        {"chosen": [ASKED, YES], "rejected": [NO, ASKED, NO]},
        {"prompt": "Q", "chosen": "A", "rejected": "A"},
        {"prompt": "Q", "chosen": "A", "rejected": " "},
    ],
)
def test_a_pair_that_is_none_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(NotThisFormat):
        to_example(row, "preference", "f:1")
