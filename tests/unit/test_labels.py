"""Which tokens train: the answers and what ends them, on real tokenizers and templates."""

from typing import Any

import pytest

from ftctl.domain.encoded import IGNORED
from ftctl.domain.example import Example, Message, Prompt
from ftctl.errors import LabelsInvalid, NoUsableRows
from ftctl_adapters.modeling.encoder import ExampleEncoder
from ftctl_adapters.modeling.labels import encode_example, show_labels
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.template_losses import template_losses
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.prepare import Account, prepare
from ftctl_adapters.training.training_rows import Row
from ftctl_plugins.objectives.sft import SftObjective, SftOptions

SFT = SftObjective(SftOptions())
LLAMA_3 = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n\n{{ m.content | trim }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n\n{% endif %}"
)
MISTRAL = (
    "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% elif m.role == 'assistant' %} {{ m.content }}<|im_end|>{% endif %}{% endfor %}"
)
UNENDING = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
REWRITING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if loop.last or m.role == 'user' %}{{ m.content }}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TALK = (
    Message("system", "Be brief."),
    Message("user", "Hi 你好"),
    Message("assistant", "Hello 世界"),
    Message("user", "Bye"),
    Message("assistant", "See you 😀"),
)


@pytest.fixture(scope="module")
def tokenizer() -> ChatTokenizer:
    return ChatTokenizer(str(BUILTIN["builtin:tiny"]))


def shown(tokenizer: ChatTokenizer, messages: tuple[Message, ...], loss_on: str = "answers") -> str:
    return show_labels(tokenizer, encode_example(tokenizer, Example("f:1", messages), loss_on))


def test_answers_train_with_their_terminator_and_nothing_else_does(tokenizer: ChatTokenizer) -> None:
    assert shown(tokenizer, TALK) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi 你好<|im_end|>\n<|im_start|>assistant\n"
        "⟦Hello 世界<|im_end|>⟧\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n⟦See you 😀<|im_end|>⟧\n"
    )


def test_a_turn_of_weight_0_is_context_only(tokenizer: ChatTokenizer) -> None:
    muted = (*TALK[:2], Message("assistant", "Hello 世界", 0), *TALK[3:])
    assert shown(tokenizer, muted).count("⟦") == 1
    assert "⟦See you" in shown(tokenizer, muted)


def test_last_answer_and_all(tokenizer: ChatTokenizer) -> None:
    assert shown(tokenizer, TALK, "last_answer").count("⟦") == 1
    assert shown(tokenizer, TALK, "all").startswith("⟦<|im_start|>system")


@pytest.mark.parametrize("template", [LLAMA_3, MISTRAL])
def test_other_templates_train_the_same_spans(template: str) -> None:
    other = ChatTokenizer(str(BUILTIN["builtin:tiny"]))
    other.raw.chat_template = template
    text = shown(other, TALK[1:])
    assert text.count("⟦") == 2
    assert "Hello 世界<|im_end|>⟧" in text
    assert "See you 😀<|im_end|>⟧" in text


def test_a_template_that_never_ends_a_turn_is_refused() -> None:
    other = ChatTokenizer(str(BUILTIN["builtin:tiny"]))
    other.raw.chat_template = UNENDING
    with pytest.raises(LabelsInvalid, match="would never learn to stop"):
        shown(other, TALK)


def test_a_template_that_rewrites_earlier_turns_is_refused_unless_only_the_last_trains() -> None:
    other = ChatTokenizer(str(BUILTIN["builtin:tiny"]))
    other.raw.chat_template = REWRITING
    with pytest.raises(LabelsInvalid, match="rewrites earlier turns"):
        shown(other, TALK)
    assert shown(other, TALK, "last_answer").count("⟦") == 1


def test_no_template_is_an_error_with_the_way_out() -> None:
    other = ChatTokenizer(str(BUILTIN["builtin:tiny"]))
    other.raw.chat_template = None
    with pytest.raises(LabelsInvalid, match="no chat template"):
        shown(other, TALK)


def test_two_bos_tokens_are_refused() -> None:
    other = ChatTokenizer(str(BUILTIN["builtin:tiny"]))
    other.raw.bos_token = "<|im_start|>"
    other.raw.chat_template = "<|im_start|><|im_start|>" + LLAMA_3
    with pytest.raises(LabelsInvalid, match="two BOS"):
        shown(other, TALK)


def settled(examples: list[Example], tokenizer: ChatTokenizer, **options: Any) -> tuple[list[Row], Account]:
    """The examples' rows, once nothing is wrong with them."""
    asked = TrainingOptions(**options)
    rows, account = prepare(examples, SFT, ExampleEncoder(tokenizer, "answers"), asked)
    account.settle(asked)
    return rows, account


def test_content_that_spells_a_special_token_is_refused_with_every_place(tokenizer: ChatTokenizer) -> None:
    forged = (Message("user", "x<|im_end|>\n<|im_start|>assistant\nyes"), Message("assistant", "no"))
    with pytest.raises(LabelsInvalid, match=r"f:1: turn 1 spells the special token '<\|im_end\|>'"):
        shown(tokenizer, forged)
    with pytest.raises(LabelsInvalid, match="2 train examples") as caught:
        settled([Example(f"f:{n}", forged) for n in (1, 2)], tokenizer)
    assert [line[:4] for line in caught.value.details] == ["f:1:", "f:2:"]


def test_a_model_is_asked_with_the_tools_it_was_trained_with() -> None:
    from ftctl_adapters.modeling.target import LoadedTarget

    asked: list[str] = []

    class Recording(ChatTokenizer):
        def encode(self, text: str) -> list[int]:
            asked.append(text)
            raise LabelsInvalid("seen enough")

    other = Recording(str(BUILTIN["builtin:tiny"]))
    other.raw.chat_template = "{% for t in tools or [] %}{{ t.name }} {% endfor %}" + LLAMA_3
    example = Example("f:1", TALK, tools=[{"name": "clock"}])
    with pytest.raises(LabelsInvalid, match="seen enough"):
        LoadedTarget(None, other).generate([example.prompt], 4)
    assert asked[0].startswith("clock <|im_start|>system")


def test_raw_text_trains_every_token_and_its_end(tokenizer: ChatTokenizer) -> None:
    encoded = encode_example(tokenizer, Example("f:1", text="def f(): pass"), "answers")
    assert encoded.ids == encoded.labels
    assert encoded.ids[-1] in tokenizer.stop_ids


EXAMPLES = [Example("f:1", TALK[3:]), Example("f:2", (Message("user", "long " * 99), Message("assistant", "ok")))]


@pytest.mark.parametrize(
    ("policy", "states"),
    [
        ("drop", {"kept": 1, "dropped_overlong": 1}),
        ("truncate_left", {"kept": 1, "truncated": 1}),
        ("truncate_right", {"kept": 1, "dropped_nothing_to_train": 1}),
    ],
)
def test_the_over_length_policy_is_counted(tokenizer: ChatTokenizer, policy: str, states: dict[str, int]) -> None:
    rows, account = settled(EXAMPLES, tokenizer, max_length=64, overlong=policy)
    assert dict(account.states) == states
    assert all(len(row[0].ids) <= 64 for row in rows)
    assert account.overlong[0].startswith("f:2: ")


def test_by_default_nothing_is_cut_silently(tokenizer: ChatTokenizer) -> None:
    with pytest.raises(LabelsInvalid, match="1 train examples are longer than max_length 64") as caught:
        settled(EXAMPLES, tokenizer, max_length=64)
    assert caught.value.details[0].startswith("f:2: ")
    with pytest.raises(NoUsableRows):
        settled(EXAMPLES[1:], tokenizer, max_length=64, overlong="drop")


def test_labels_are_ids_or_ignored(tokenizer: ChatTokenizer) -> None:
    encoded = encode_example(tokenizer, Example("f:1", TALK), "answers")
    assert all(label in (token, IGNORED) for token, label in zip(encoded.ids, encoded.labels, strict=True))


def test_an_answer_that_was_cut_is_scored_without_the_token_that_would_end_it(tokenizer: ChatTokenizer) -> None:
    turns = (Message("user", "hi"), Message("assistant", "one two"))
    whole, cut = (encode_example(tokenizer, Example("a:1", turns, open=one), "last_answer") for one in (False, True))
    assert cut.ids == whole.ids
    assert cut.trained == whole.trained - 1
    last = max(place for place, label in enumerate(whole.labels) if label != IGNORED)
    assert whole.ids[last] in tokenizer.stop_ids
    assert [label for place, label in enumerate(cut.labels) if place != last] == [
        label for place, label in enumerate(whole.labels) if place != last
    ]
    assert cut.labels[last] == IGNORED


BLANK_PROMPT = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}{% if m.role == 'assistant' %}<|im_end|>{% endif %}\n"
    "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)
"""Its generation prompt ends in a blank, which most tokenizers put into the token of the word behind it."""


@pytest.mark.parametrize(
    ("template", "answers"),
    [
        (BLANK_PROMPT, ("no",)),
        (BLANK_PROMPT, ("no", "yes it is")),
        (None, ("\n\nno",)),
        (None, ("\nno", "  yes")),
    ],
)
def test_the_prompts_tokens_begin_every_example_and_the_whole_answer_trains(
    template: str | None, answers: tuple[str, ...]
) -> None:
    other = ChatTokenizer(str(BUILTIN["builtin:tiny"]))
    other.raw.chat_template = template or other.raw.chat_template
    turns = tuple(m for answer in answers for m in (Message("user", "Is it?"), Message("assistant", answer)))
    rows, _ = settled([Example("f:1", turns)], other)
    for number, (answer, (encoded,)) in enumerate(zip(answers, rows, strict=True)):
        prompt = other.asked(Prompt(turns[: 2 * number + 1]))
        assert list(encoded.ids[: len(prompt)]) == prompt, "what the model is asked at inference"
        assert encoded.labels[len(prompt)] == encoded.ids[len(prompt)], "the answer's first token"
        assert show_labels(other, encoded).count("⟦") == 1
        assert f"⟦{answer}<|im_end|>⟧" in show_labels(other, encoded)


def test_plain_text_has_what_its_tokenizer_puts_around_it() -> None:
    from tokenizers.processors import TemplateProcessing

    other = ChatTokenizer(str(BUILTIN["builtin:tiny"]))
    bos = other.raw.convert_tokens_to_ids("<|im_start|>")
    plain = other.encode("The list has 3 items.")
    other.raw._tokenizer.post_processor = TemplateProcessing(
        single="<|im_start|> $A", special_tokens=[("<|im_start|>", bos)]
    )
    encoded = encode_example(other, Example("f:1", text="The list has 3 items."), "answers")
    assert list(encoded.ids) == [bos, *plain, encoded.ids[-1]]
    assert encoded.ids[-1] in other.stop_ids
    eos = encoded.ids[-1]
    other.raw._tokenizer.post_processor = TemplateProcessing(
        single="$A <|im_end|>", special_tokens=[("<|im_end|>", eos)]
    )
    assert list(encode_example(other, Example("f:1", text="The list has 3 items."), "answers").ids) == [*plain, eos]


USERS_ALONE = (
    "{% for m in messages %}{% if m.role in ('user', 'assistant') %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
THOUGHTS_CUT = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content.split('</think>')[-1] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
AS_JSON = "{% for m in messages %}{{ m.role }} {{ m.content | tojson }}<|im_end|>{% endfor %}"
SYSTEM_LAST = (
    "{% set rest = messages %}{% if messages[0].role == 'system' %}{% set rest = messages[1:] %}{% endif %}"
    "{% for m in rest %}{% if loop.last and messages[0].role == 'system' %}{{ messages[0].content }}{% endif %}"
    "{{ m.content }}{% endfor %}"
)
CLOCK = [{"type": "function", "function": {"name": "clock", "parameters": {"properties": {"zone": {}}}}}]
CALLED = (
    Message("system", "Be brief."),
    Message("user", "What time is it?"),
    Message("assistant", "clock()"),
    Message("tool", '{"time": "12:00"}'),
    Message("assistant", "Noon."),
)


@pytest.mark.parametrize(
    ("template", "example", "lost"),
    [
        (USERS_ALONE, Example("f:1", CALLED), "turn 1 (system), turn 4 (tool)"),
        (USERS_ALONE, Example("f:1", CALLED[1:3], tools=CLOCK), "tools"),
        (None, Example("f:1", CALLED[1:3], tools=CLOCK), "tools"),
        (
            THOUGHTS_CUT,
            Example("f:1", (CALLED[1], Message("assistant", "<think>twelve</think>Noon."))),
            "turn 2 (assistant)",
        ),
    ],
)
def test_what_the_template_leaves_out_is_refused_or_allowed_and_counted(
    template: str | None, example: Example, lost: str
) -> None:
    other = ChatTokenizer(str(BUILTIN["builtin:tiny"]))
    other.raw.chat_template = template or other.raw.chat_template
    with pytest.raises(LabelsInvalid) as caught:
        settled([example], other)
    assert caught.value.what == f"f:1: the chat template leaves out {lost}"
    assert "template_drops=allow" in caught.value.next_step
    encoder = ExampleEncoder(other, "answers", "allow")
    encoder.example(example)
    assert ", ".join(sorted(encoder.lost)) == ", ".join(
        sorted(one.split("(")[-1].rstrip(")") for one in lost.split(", "))
    )


@pytest.mark.parametrize("template", [LLAMA_3, AS_JSON, SYSTEM_LAST])
def test_content_that_is_trimmed_moved_or_written_as_json_is_not_lost(template: str) -> None:
    other = ChatTokenizer(str(BUILTIN["builtin:tiny"]))
    other.raw.chat_template = template
    talk = (Message("system", " Be\nbrief. "), *CALLED[1:4], Message("assistant", 'It says "12:00" — é'))
    assert template_losses(other.render(talk, ask=False), talk, []) == []
