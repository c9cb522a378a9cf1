"""Masks over the chat templates of twenty families: exactly what the model will be asked, and what ends its answer."""

from pathlib import Path

import pytest
from attrs import evolve

from ftctl.domain.encoded import IGNORED
from ftctl.domain.example import Example, Prompt
from ftctl.errors import LabelsInvalid
from ftctl_adapters.modeling.answer_calls import answer_calls
from ftctl_adapters.modeling.answer_spans import one_answer_each, trained_turns
from ftctl_adapters.modeling.encoder import ExampleEncoder
from ftctl_adapters.modeling.labels import show_labels
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.prepare import APART, prepare
from ftctl_plugins.objectives.sft import SftObjective, SftOptions
from tests.architectures.chat_families import CASES, EACH, FAMILIES, ONE, TINY, Family, tokenizer_folder


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ChatTokenizer]:
    return {}


def tokenizer_of(family: Family, known: dict[str, ChatTokenizer], folder: Path) -> ChatTokenizer:
    if family.name not in known:
        known[family.name] = ChatTokenizer(str(tokenizer_folder(family, folder)))
    return known[family.name]


@pytest.mark.parametrize(
    ("family", "case", "outcome"),
    [pytest.param(one, case, outcome, id=f"{one.name}-{case}") for one in FAMILIES for case, outcome in one.outcomes()],
)
def test_each_answer_is_trained_as_it_is_asked_for_or_refused(
    family: Family, case: str, outcome: str, tokenizers: dict[str, ChatTokenizer], tmp_path: Path
) -> None:
    tokenizer, example = tokenizer_of(family, tokenizers, tmp_path), CASES[case]
    encoder = ExampleEncoder(tokenizer, "answers")
    rows, account = prepare([example], SftObjective(SftOptions()), encoder, TrainingOptions())
    if outcome not in (ONE, EACH):
        ((said, _),) = account.refused
        assert outcome in said
        return
    assert account.refused == []
    assert dict(account.states) == {"kept" if outcome == ONE else APART: 1}
    parts = one_answer_each(example)
    for number, part in enumerate(parts):
        ids, labels = rows[-1 if outcome == ONE else number][0].ids, rows[-1 if outcome == ONE else number][0].labels
        check_answer(tokenizer, part, ids, labels)


def check_answer(tokenizer: ChatTokenizer, part: Example, ids: tuple[int, ...], labels: tuple[int, ...]) -> None:
    """The answer that a part ends with stands behind its prompt's ids, trained up to a stop token."""
    asked = tokenizer.asked(Prompt(part.messages[:-1], tuple(part.tools)))
    assert list(ids[: len(asked)]) == asked
    place = len(asked)
    while labels[place] != IGNORED and ids[place] not in tokenizer.stop_ids:
        place += 1
    assert labels[place] == ids[place]
    assert ids[place] in tokenizer.stop_ids
    said = tokenizer.decode(labels[len(asked) : place], special=True)
    turn = part.messages[-1]
    assert turn.content in said
    assert turn.reasoning in said
    assert answer_calls(said) == turn.tool_calls, "what an evaluator reads out of the answer"


def test_a_conversation_in_pieces_trains_each_of_its_answers_once() -> None:
    parts = one_answer_each(CASES["thinking"])
    assert [len(part.messages) for part in parts] == [2, 4]
    assert [trained_turns(part) for part in parts] == [[1], [3]]
    assert [len(part.messages) for part in one_answer_each(CASES["thinking"], last_only=True)] == [4]


SINGLE = evolve(CASES["turns"], messages=CASES["turns"].messages[:2])
NARROW = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{{ m.content[:5] }}"
    "{% generation %}{{ m.content[5:] }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        (NARROW, "First⟦ answer.<|im_end|>⟧"),
        (NARROW.replace("{% generation %}", "").replace("{% endgeneration %}", ""), "⟦First answer.<|im_end|>⟧"),
    ],
)
def test_marks_of_a_template_narrow_what_is_trained(template: str, shown: str) -> None:
    tokenizer = ChatTokenizer(str(TINY))
    tokenizer.raw.chat_template = template
    assert shown in show_labels(tokenizer, ExampleEncoder(tokenizer, "answers").example(SINGLE))


def test_a_template_that_marks_nothing_of_an_answer_is_refused() -> None:
    tokenizer = ChatTokenizer(str(TINY))
    whole = NARROW.replace("{{ m.content[:5] }}", "{{ m.content }}")
    tokenizer.raw.chat_template = whole.replace("{{ m.content[5:] }}", "")
    with pytest.raises(LabelsInvalid, match="marks nothing of a trained answer"):
        ExampleEncoder(tokenizer, "answers").example(SINGLE)
