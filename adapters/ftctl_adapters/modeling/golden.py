"""Make golden cases from the tuned model as served, store and read them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from ftctl.domain.codec import from_plain, to_plain
from ftctl.domain.example import Example, Message
from ftctl.domain.golden import GoldenCase
from ftctl.errors import LabelsInvalid
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.modeling.windows import context_of

FILE = "golden.json"
MAX_NEW_TOKENS = 48
ROUNDINGS = 2
"""How many roundings of the last logit two right implementations may differ by."""
TOP_STEPS, TOP_CANDIDATES = 8, 5
"""Of how many tokens, and for how many candidates, log-probabilities are kept."""

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
GENERAL = (
    (Message("user", "Hello!"),),
    (Message("system", "Answer briefly."), Message("user", "你好,请介绍一下自己。")),
    (Message("user", "One?"), Message("assistant", "Two."), Message("user", "And then? 1 + 2 = é ß 😀")),
)


def write_golden(
    model: Any,
    tokenizer: ChatTokenizer,
    examples: Sequence[Example],
    out: Path,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write ``golden.json`` with cases from the data and general ones: system prompt, turns, Chinese.

    Where the chat template writes the tools that it is given, there is a case with a tool too. ``tell`` is called with
    the number of cases so far and of all.
    """
    model.eval()
    cases = []
    asked = [*(example.messages[:-1] for example in examples if example.messages and not example.tools), *GENERAL]
    for place, messages in enumerate(asked):
        tell(place, len(asked) + 1)
        try:
            rendered = tokenizer.render(messages, ask=True)
        except LabelsInvalid:
            continue
        if _room(model, tokenizer, rendered):
            cases.append(make_case(model, tokenizer, messages, rendered))
    tell(len(asked), len(asked) + 1)
    cases += _with_tool(model, tokenizer)
    (out / FILE).write_text(json.dumps(to_plain(cases), ensure_ascii=False, indent=1), encoding="utf-8")


def _with_tool(model: Any, tokenizer: ChatTokenizer) -> list[GoldenCase]:
    question = (Message("user", "What is the weather in Paris?"),)
    try:
        plain, rendered = (tokenizer.render(question, ask=True, tools=tools) for tools in (None, [TOOL]))
    except LabelsInvalid:
        return []
    if not _room(model, tokenizer, rendered):
        return []
    return [evolve(make_case(model, tokenizer, question, rendered), tools=(TOOL,))] if plain != rendered else []


def _room(model: Any, tokenizer: ChatTokenizer, rendered: str) -> int:
    """Return the number of tokens that an answer may have within the model's context."""
    context = context_of(model)
    return MAX_NEW_TOKENS if context is None else max(0, min(MAX_NEW_TOKENS, context - len(tokenizer.encode(rendered))))


def read_golden(folder: str) -> list[GoldenCase]:
    """Return the cases of an artifact; empty if it was not tuned here."""
    path = Path(folder) / FILE
    if not path.exists():
        return []
    return [from_plain(case, GoldenCase) for case in json.loads(path.read_text(encoding="utf-8"))]


def make_case(model: Any, tokenizer: ChatTokenizer, messages: Sequence[Message], rendered: str) -> GoldenCase:
    """Make a golden case: the greedy answer, and the margin of each token over its runner-up."""
    import torch

    ids, longest = tokenizer.encode(rendered), _room(model, tokenizer, rendered)
    with torch.inference_mode():
        out = model.generate(
            input_ids=torch.tensor([ids]),
            attention_mask=torch.ones((1, len(ids)), dtype=torch.long),
            max_new_tokens=longest,
            do_sample=False,
            num_beams=1,
            eos_token_id=sorted(tokenizer.stop_ids),
            pad_token_id=tokenizer.pad_id,
            return_dict_in_generate=True,
            output_logits=True,
        )
    generated = out.sequences[0, len(ids) :].tolist()
    tops = [step[0].topk(2).values for step in out.logits]
    margins = tuple(round(float(top[0] - top[1]), 4) for top in tops)
    largest = max(abs(float(top[0])) for top in tops)
    noise = round(ROUNDINGS * torch.finfo(model.dtype).eps * largest, 6)
    text = tokenizer.decode(generated)
    known = (tuple(messages), rendered, tuple(ids), text, tuple(generated), margins, longest, noise)
    return GoldenCase(*known, tuple(_candidates(step[0]) for step in out.logits[:TOP_STEPS]))


def _candidates(logits: Any) -> tuple[tuple[int, float], ...]:
    best = logits.float().log_softmax(dim=-1).topk(TOP_CANDIDATES)
    return tuple((int(token), round(float(value), 4)) for token, value in zip(best.indices, best.values, strict=True))
