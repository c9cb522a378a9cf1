"""Calls of tools reach the tokens, train, and are changed and known like any other text."""

import json
from pathlib import Path

import pytest
from attrs import evolve

from ftctl.domain.example import Example, Message, Prompt
from ftctl.domain.tool_call import ToolCall
from ftctl.errors import LabelsInvalid
from ftctl.worker.answer_store import example_key, question_key
from ftctl_adapters.modeling.encoder import ExampleEncoder
from ftctl_adapters.modeling.golden import read_golden
from ftctl_adapters.modeling.labels import encode_example, refuse_losses, show_labels
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.records.texts import map_texts, texts

TOOLS = [{"type": "function", "function": {"name": "clock", "parameters": {"properties": {"zone": {}}}}}]
CALL = ToolCall.of("clock", {"zone": 'it\'s "UTC"\n', "at": [{"n": 1}]}, "c1")
TURNS = (
    Message("user", "What time is it?"),
    Message("assistant", "", tool_calls=(CALL, ToolCall.of("clock", {}))),
    Message("tool", "12:00", tool_call_id="c1"),
    Message("assistant", "Noon.", reasoning="12:00 is noon."),
)
EXAMPLE = Example("f:1", TURNS, tools=TOOLS)
HEAD = (
    "{% if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}"
)
TAIL = "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
AS_OBJECT = (
    HEAD + "{% for c in m.tool_calls or [] %}<tool_call>"
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}</tool_call>{% endfor %}' + TAIL
)
"""Qwen2.5's way: text would be encoded twice."""
AS_TEXT = (
    HEAD + "{% for c in m.tool_calls or [] %}<tool_call>"
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments }}}</tool_call>{% endfor %}' + TAIL
)
"""OpenAI's way: an object would be written as Python writes it."""
OBJECTS_ALONE = AS_OBJECT.replace(
    "{{ c.function.arguments | tojson }}",
    "{% if c.function.arguments is string %}{{ raise_exception('no text') }}{% endif %}"
    "{{ c.function.arguments | tojson }}",
)
WITHOUT_CALLS = HEAD + TAIL


def tokenizer(template: str) -> ChatTokenizer:
    found = ChatTokenizer(str(BUILTIN["builtin:tiny"]))
    found.raw.chat_template = template
    return found


@pytest.mark.parametrize("template", [AS_OBJECT, AS_TEXT, OBJECTS_ALONE])
def test_a_call_goes_round_by_way_of_the_text(template: str) -> None:
    text = tokenizer(template).render(TURNS, ask=False, tools=TOOLS)
    spelled = [piece.partition("</tool_call>")[0] for piece in text.split("<tool_call>")[1:]]
    calls = [json.loads(one) for one in spelled]
    assert [(one["name"], one["arguments"]) for one in calls] == [("clock", CALL.object), ("clock", {})]


@pytest.mark.parametrize("template", [AS_OBJECT, AS_TEXT, OBJECTS_ALONE])
def test_calls_and_reasoning_are_trained_with_the_token_that_ends_them(template: str) -> None:
    other = tokenizer(template)
    encoded = ExampleEncoder(other, "answers").example(EXAMPLE)
    shown = show_labels(other, encoded)
    assert shown.count("⟦") == 2
    assert "⟦<tool_call>" in shown
    assert "</tool_call><|im_end|>⟧" in shown
    assert "⟦<think>12:00 is noon.</think>Noon.<|im_end|>⟧" in shown


@pytest.mark.parametrize(
    ("turns", "lost"),
    [
        (TURNS, "turn 2 (tool call)"),
        ((TURNS[0], evolve(TURNS[1], tool_calls=TURNS[1].tool_calls[1:]), *TURNS[2:]), "turn 2 (tool call)"),
        (TURNS[:1] + TURNS[3:], "turn 2 (reasoning)"),
    ],
)
def test_a_template_without_calls_or_reasoning_is_refused(turns: tuple[Message, ...], lost: str) -> None:
    template = (
        WITHOUT_CALLS.replace("<think>{{ m.reasoning_content }}</think>", "") if "reason" in lost else WITHOUT_CALLS
    )
    with pytest.raises(LabelsInvalid) as caught:
        encode_example(tokenizer(template), evolve(EXAMPLE, messages=turns), "last_answer", refuse_losses)
    assert caught.value.what == f"f:1: the chat template leaves out {lost}"


def test_texts_within_calls_and_reasoning_are_texts() -> None:
    assert {CALL.arguments, "12:00 is noon."} <= set(texts(EXAMPLE))
    changed = map_texts(EXAMPLE, lambda text: text.replace("UTC", "***").replace("noon", "midday"))
    assert changed.messages[1].tool_calls[0].object["zone"] == 'it\'s "***"\n'
    assert changed.messages[3].reasoning == "12:00 is midday."
    assert map_texts(EXAMPLE, lambda text: text) is EXAMPLE


def test_what_differs_in_a_call_is_another_row_question_and_score() -> None:
    other = evolve(EXAMPLE, messages=(TURNS[0], evolve(TURNS[1], tool_calls=(CALL,)), *TURNS[2:]))
    assert other.content_digest != EXAMPLE.content_digest
    assert example_key(other) != example_key(EXAMPLE)
    assert question_key(Prompt(other.messages[:3]), 8) != question_key(Prompt(EXAMPLE.messages[:3]), 8)


def test_servers_are_asked_in_the_words_of_their_api() -> None:
    sent = TURNS[1].to_openai()
    assert json.loads(sent["tool_calls"][0]["function"]["arguments"]) == CALL.object
    assert sent["tool_calls"][0]["id"] == "c1"
    assert TURNS[2].to_openai() == {"role": "tool", "content": "12:00", "tool_call_id": "c1"}
    assert Message("user", "a").to_openai() == {"role": "user", "content": "a"}


def test_a_golden_case_keeps_calls(tmp_path: Path) -> None:
    from ftctl.domain.codec import to_plain
    from ftctl.domain.golden import GoldenCase

    case = GoldenCase(TURNS[:3], "r", (1,), "o", (2,), (0.1,), 8)
    (tmp_path / "golden.json").write_text(json.dumps(to_plain([case])))
    assert read_golden(str(tmp_path)) == [case]
