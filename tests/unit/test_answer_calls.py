"""Calls of tools are read out of answers in the forms that models write, and nothing else is taken for one."""

import json

import pytest

from ftctl.domain.tool_call import ToolCall
from ftctl_adapters.modeling.answer_calls import answer_calls

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
