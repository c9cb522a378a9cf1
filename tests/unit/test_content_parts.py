"""Content in parts: text, reasoning and calls in the layouts in use; whole conversations as a preference."""

from typing import Any

import pytest

from ftctl.domain.example import Message
from ftctl.domain.tool_call import ToolCall
from ftctl_adapters.records.formats import NotThisFormat, detect, to_example

THOUGHT = Message("assistant", "B", reasoning="Hm.")
CALL = ToolCall.of("weather", {"city": "Rome"})


def turns(*parts: Any) -> tuple[Message, ...]:
    row = {"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": list(parts)}]}
    return to_example(row, "messages", "f:1").example.messages


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([{"type": "text", "text": "A"}, {"type": "text", "value": "B"}], Message("assistant", "AB")),
        ([{"type": "reasoning", "value": "Hm."}, {"type": "text", "value": "B"}], THOUGHT),
        ([{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "B"}], THOUGHT),
        (
            [{"type": "tool_call", "value": '{"name": "weather", "arguments": {"city": "Rome"}}'}],
            Message("assistant", "", 1, (CALL,)),
        ),
    ],
)
def test_parts_are_read_by_their_types(parts: list[Any], message: Message) -> None:
    assert turns(*parts)[-1] == message


def test_parts_that_are_no_text_are_refused_by_their_type() -> None:
    with pytest.raises(NotThisFormat, match="turn 2: content has a part of type 'image_url'; only text"):
        turns({"type": "image_url", "image_url": "x"})


def conversation(answer: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": answer}]


def test_two_whole_conversations_are_a_preference() -> None:
    row = {"chosen_messages": conversation("Hello."), "rejected_messages": conversation("Go.")}
    assert detect(row) == "preference"
    read = to_example(row, "preference", "f:1")
    assert read.used == {"chosen_messages", "rejected_messages"}
    assert [turn.content for turn in read.example.messages] == ["Hi?", "Hello."]
    assert [turn.content for turn in read.example.rejected] == ["Go."]


def test_an_error_in_a_preference_names_the_side() -> None:
    row = {"chosen": conversation("Hello."), "rejected": conversation(7)}
    with pytest.raises(NotThisFormat, match="rejected: turn 2: content must be text, not int"):
        to_example(row, "preference", "f:1")
