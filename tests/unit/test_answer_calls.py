"""Calls of tools are read out of answers in the forms that models write, and nothing else is taken for one."""

import json

import pytest

from ftctl.domain.tool_call import ToolCall
from ftctl_adapters.modeling.answer_calls import answer_calls, split_calls
from ftctl_adapters.serving.chat_message import ChatMessage
from ftctl_adapters.serving.onnx.responses import Shape, usage

PARIS = ToolCall.of("weather", {"city": "Paris"})
BOTH = (PARIS, ToolCall.of("clock", {"zone": "CET", "hours": 24}))


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>',
        'I look.\n{"name": "weather", "parameters": {"city": "Paris"}}',
        '[TOOL_CALLS] [{"name": "weather", "arguments": {"city": "Paris"}}]',
        '[TOOL_CALLS]weather[ARGS]{"city": "Paris"}',
        '{"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{\\"city\\": \\"Paris\\"}"}}',
        'commentary to=functions.weather json{"city": "Paris"}',
        '<｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{"city": "Paris"}\n```<｜tool▁call▁end｜>',
        "<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n</tool_call>",
        "<tool_call>\n<function=weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>",
        '<|tool_call_start|>[weather(city="Paris")]<|tool_call_end|>',
    ],
)
def test_a_call_is_read_in_whatever_form_it_is_written(text: str) -> None:
    assert answer_calls(text) == (PARIS,)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(json.dumps({"name": one.name, "arguments": one.object}) for one in BOTH),
        '[weather(city="Paris"), clock(zone="CET", hours=24)]',
        (
            "<tool_call>weather<arg_key>city</arg_key><arg_value>Paris</arg_value></tool_call>"
            "<tool_call>clock<arg_key>zone</arg_key><arg_value>CET</arg_value>"
            "<arg_key>hours</arg_key><arg_value>24</arg_value></tool_call>"
        ),
    ],
)
def test_several_calls_are_read_in_their_order(text: str) -> None:
    assert answer_calls(text) == BOTH


@pytest.mark.parametrize(
    "text",
    [
        "It is sunny.",
        '{"name": "Paris"}',
        '{"name": "weather", "arguments": "soon"}',
        "[1, 2]",
        "f(x)",
        "[f(x)]",
        "{" * 9000,
    ],
)
def test_what_is_no_call_is_none(text: str) -> None:
    assert answer_calls(text) == ()


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ('I look.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>', "I look."),
        ('[TOOL_CALLS] [{"name": "weather", "arguments": {"city": "Paris"}}]', ""),
        ("It is sunny.", "It is sunny."),
    ],
)
def test_what_is_said_before_a_call_stays(text: str, before: str) -> None:
    assert split_calls(text)[0] == before


def test_a_server_tells_calls_in_openais_form() -> None:
    message = Shape("model", chat=True).whole("I look.", "stop", usage(3, 4), calls=[PARIS])["choices"][0]
    assert message["finish_reason"] == "tool_calls"
    assert message["message"]["content"] == "I look."
    (call,) = message["message"]["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": '{"city": "Paris"}'}
    assert call["id"].startswith("call_")


def test_a_request_may_have_calls_and_results() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    turn = ChatMessage(role="assistant", content=None, tool_calls=[call]).message
    assert (turn.content, turn.tool_calls) == ("", (ToolCall("weather", '{"city": "Paris"}', "c1"),))
    assert ChatMessage(role="tool", content="sunny", tool_call_id="c1").message.tool_call_id == "c1"
