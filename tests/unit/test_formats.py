"""The formats of FIELD's data section become the same canonical example."""

from typing import Any

import pytest
from attrs import evolve

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
    return to_example(row, form, "f:1").example


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


@pytest.mark.parametrize("group", [["a"], {"a": 1}])
def test_a_group_is_text_or_a_number(group: object) -> None:
    with pytest.raises(NotThisFormat, match=f"`group` must be text or a number, not {type(group).__name__}"):
        to_example({"text": "x", "group": group}, "text", "r:1")


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
        ({"messages": [{"role": "assistant", "content": [{"type": "image_url"}]}]}, "a part of type 'image_url'"),
        ({"messages": [{"role": "user", "content": "a", "parts": "b"}]}, "cannot use the key 'parts'"),
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
        ({"messages": [{"role": "assistant", "content": "a", "tool_calls": [1]}]}, "needs `name` and `arguments`"),
        ({"messages": [{"role": "user", "content": "a", "tool_calls": [{"name": "t"}]}]}, "only assistant turns call"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"name": "t", "arguments": "{"}]}]},
            "text that is no JSON",
        ),
        ({"messages": [{"role": "assistant", "tool_calls": [{"name": "t", "arguments": [1]}]}]}, "must be an object"),
        ({"conversations": [{"from": "function_call", "value": "clock()"}]}, "a call of a tool, and no JSON"),
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
    turn = {"message_id": "1", "parent_id": None, "text": "Hi", "role": "prompter"}
    assert detect(turn) is None
    assert "OASST tree" in unknown_format(turn)


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
    found = to_example(row, str(detect(row)), "f:1").example
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


CONVERSATION = [ASKED, YES]


@pytest.mark.parametrize(
    ("row", "turns", "rejected"),
    [
        ({"conversations": [{"from": "human", "value": "Q"}], "chosen": {"from": "gpt", "value": "A"},
          "rejected": {"from": "gpt", "value": "B"}}, ["Q", "A"], "B"),
        ({"instruction": "Q", "input": "", "chosen": "A", "rejected": "B"}, ["Q", "A"], "B"),
        ({"instruction": "Q", "input": "of", "system": "S", "chosen": "A", "rejected": "B"}, ["S", "Q\nof", "A"], "B"),
        ({"prompt": "Q", "chosen": CONVERSATION, "rejected": [ASKED, NO], "messages": CONVERSATION, "score": 1},
         ["Q", "A"], "B"),
        ({"chosen": "\n\nHuman: Q\n\nAssistant: A", "rejected": "\n\nHuman: Q\n\nAssistant: B"}, ["Q", "A"], "B"),
        ({"messages": CONVERSATION, "rejected_response": "B"}, ["Q", "A"], "B"),
        ({"query": "Q", "response": "A", "system": "S", "rejected_response": "B"}, ["S", "Q", "A"], "B"),
        ({"messages": [ASKED], "chosen": "A", "rejected": "B"}, ["Q", "A"], "B"),
        ({"prompt": "Q", "chosen": "A", "rejected": "B", "history": [["1", "2"]]}, ["1", "2", "Q", "A"], "B"),
    ],
)  # fmt: skip
def test_every_layout_of_a_preference_becomes_a_pair(row: dict[str, Any], turns: list[str], rejected: str) -> None:
    assert detect(row) == "preference"
    found = example(row)
    assert [m.content for m in found.messages] == turns
    assert [m.content for m in found.rejected] == [rejected]
    assert found.messages[-1].role == "assistant"


@pytest.mark.parametrize(
    ("row", "turns"),
    [
        ({"system": "S", "messages": CONVERSATION}, ["S", "Q", "A"]),
        ({"system": "", "messages": CONVERSATION}, ["Q", "A"]),
        ({"system": "S", "history": [["1", "2"]], "prompt": "Q", "completion": "A"}, ["S", "1", "2", "Q", "A"]),
        ({"prompt": "Q", "response": "A"}, ["Q", "A"]),
        ({"query": "Q", "response": "A", "system": None}, ["Q", "A"]),
        ({"input": "Q", "output": "A"}, ["Q", "A"]),
        ({"input": "Q", "target": "A", "kind": "QA"}, ["Q", "A"]),
        ({"instruction": "Q", "context": "C", "response": "A", "category": "qa"}, ["Q\nC", "A"]),
        ({"messages": [{"role": "developer", "content": "S"}, *CONVERSATION]}, ["S", "Q", "A"]),
        ({"messages": [{**ASKED, "name": None, "tool_calls": None}, YES], "tools": None}, ["Q", "A"]),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "Q"}]}, YES]}, ["Q", "A"]),
    ],
)  # fmt: skip
def test_layouts_of_others_are_read_as_what_they_mean(row: dict[str, Any], turns: list[str]) -> None:
    assert [m.content for m in example(row).messages] == turns


@pytest.mark.parametrize("flag", ["weight", "loss", "loss_weight", "train"])
@pytest.mark.parametrize("off", [0, False, 0.0])
def test_flags_of_a_turn_say_whether_it_trains(flag: str, off: float) -> None:
    row = {"messages": [ASKED, {**YES, flag: off}, ASKED, {**YES, flag: 1}]}
    assert [m.weight for m in example(row).messages] == [1, 0, 1, 1]


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"label": False}, "label"),
        ({"kto_tag": 1}, "kto_tag"),
        ({"images": ["cat.jpg"]}, "images"),
        ({"context": "It began in 2000."}, "context"),
        ({"history": [["a", "b"]]}, "history"),
        ({"reasoning_content": "2 and 2"}, "reasoning_content"),
    ],
)
def test_a_key_that_training_should_heed_is_used_or_refused_or_left_out_on_request(
    more: dict[str, Any], key: str
) -> None:
    row = {"messages": CONVERSATION, **more}
    with pytest.raises(NotThisFormat, match=rf"the key '{key}' is .* data_source.ignore_keys: \[{key}\]"):
        example(row)
    read = to_example(row, "messages", "f:1", ignore=(key,))
    assert (read.ignored, read.example.metadata) == ({key}, {})
    assert not to_example(row | {key: None}, "messages", "f:1").ignored
    assert example(row | {key: []}).messages


def test_every_key_of_a_row_has_a_use() -> None:
    read = to_example({"messages": CONVERSATION, "tools": [{"name": "t"}], "id": 7, "group": 0}, "messages", "f:1")
    assert (read.used, read.kept) == ({"messages", "tools", "group"}, {"id"})
    assert read.example.group == "0", "0 is a group"
    assert read.example.metadata == {"id": 7}


def test_tools_may_be_json_text_and_must_be_schemas() -> None:
    row = {"messages": CONVERSATION, "tools": '[{"name": "t"}]'}
    assert example(row).tools == [{"name": "t"}]
    assert example({"messages": CONVERSATION, "functions": [{"name": "t"}]}).tools == [{"name": "t"}]
    for wrong in ('{"name": "t"}', "[", [1]):
        with pytest.raises(NotThisFormat, match="`tools`"):
            example({"messages": CONVERSATION, "tools": wrong})


def test_two_system_prompts_are_not_chosen_from() -> None:
    turns = [{"role": "system", "content": "S"}, *CONVERSATION]
    assert example({"system": "S", "messages": turns}).messages[0].content == "S"
    with pytest.raises(NotThisFormat, match="two different system prompts"):
        example({"system": "T", "messages": turns})


def test_zero_is_a_value_and_not_nothing() -> None:
    with pytest.raises(NotThisFormat, match="input must be text, not int"):
        example({"instruction": "Q", "input": 0, "output": "A"})


def test_a_cell_without_a_plain_form_matters_only_if_it_is_used() -> None:
    from ftctl_adapters.records.strict_json import Unreadable

    cell = Unreadable("a cell of type bytes has no JSON form")
    read = to_example({"text": "T", "thumbnail": cell}, "text", "f:1")
    assert (read.example.metadata, read.unreadable) == ({}, {"thumbnail"})
    with pytest.raises(NotThisFormat, match="text: a cell of type bytes has no JSON form"):
        to_example({"text": cell}, "text", "f:1")


CLOCK = {"name": "clock", "arguments": {"zone": "UTC"}}
CALLING = [
    {"messages": [ASKED, {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "clock", "arguments": '{"zone": "UTC"}'}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "12"}, YES]},
    {"messages": [ASKED, {"role": "assistant", "tool_calls": [CLOCK]}, {"role": "tool", "content": "12"}, YES]},
    {"messages": [ASKED, {"role": "assistant", "function_call": CLOCK}, {"role": "tool", "content": "12"}, YES]},
    {"conversations": [{"from": "human", "value": "Q"},
                       {"from": "function_call", "value": '{"name": "clock", "arguments": {"zone": "UTC"}}'},
                       {"from": "observation", "value": "12"}, {"from": "gpt", "value": "A"}]},
]  # fmt: skip


@pytest.mark.parametrize("row", CALLING)
def test_a_call_of_a_tool_is_the_same_in_every_layout(row: dict[str, Any]) -> None:
    found = example(row)
    assert [m.role for m in found.messages] == ["user", "assistant", "tool", "assistant"]
    (call,) = found.messages[1].tool_calls
    assert (call.name, call.object, found.messages[1].content) == ("clock", {"zone": "UTC"}, "")
    assert Example.from_row(found.to_row()) == found
    changed = evolve(found, messages=(found.messages[0], evolve(found.messages[1], tool_calls=()), *found.messages[2:]))
    assert changed.content_digest != found.content_digest, "a call is content"


def test_a_turn_may_have_reasoning_and_a_name_and_several_calls() -> None:
    calls = [{"name": "a", "arguments": {}}, {"name": "b", "arguments": '{"x": ["é", {"y": "\'\\n"}]}'}]
    turn = {"role": "assistant", "reasoning_content": "2 and 2", "content": "4", "tool_calls": calls}
    found = example({"messages": [{**ASKED, "name": "bob"}, turn]})
    assert found.messages[0].name == "bob"
    assert found.messages[1].reasoning == "2 and 2"
    assert [call.object for call in found.messages[1].tool_calls] == [{}, {"x": ["é", {"y": "'\n"}]}]
    assert Example.from_row(found.to_row()) == found
    assert found.answer.startswith("2 and 2\n4\n")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": CONVERSATION, "tools": [{"name": "t"}], "functions": [{"name": "u"}]}, "both given"),
        ({"messages": [ASKED, {**YES, "reasoning": "a", "thinking": "b"}]}, "two different texts of reasoning"),
        (
            {"prompt": "Q", "chosen": "A", "rejected": "B", "messages": [ASKED, NO]},
            "other turns than those of the chosen",
        ),
    ],
)
def test_what_is_said_twice_must_be_the_same(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotThisFormat, match=reason):
        example(row)


def test_an_empty_list_of_tools_hides_no_functions() -> None:
    assert example({"messages": CONVERSATION, "tools": [], "functions": [{"name": "t"}]}).tools == [{"name": "t"}]


def test_rows_that_are_only_compared_with_may_have_labels() -> None:
    row = {"text": "I loved it", "label": 1}
    read = to_example(row, "text", "f:1", trained=False)
    assert (read.example.text, read.example.metadata) == ("I loved it", {"label": 1})
