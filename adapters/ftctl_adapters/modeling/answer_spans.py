"""Find the trained turns in a rendered conversation, as the model will write them when it is asked."""

import re

from attrs import evolve, frozen

from ftctl.domain.example import Example, Message
from ftctl.errors import LabelsInvalid
from ftctl_adapters.modeling.tokenizer import ChatTokenizer

THINKING = re.compile(r"<think>\s*\Z")
"""End of a generation prompt that has begun the model's reasoning."""

THOUGHT = "</think>"


class AnswersInseparable(Exception):
    """Cause of `LabelsInvalid`: no sequence holds two of the answers as they are asked for.

    An earlier one is written in another way there. `one_answer_each` parts them.
    """


@frozen
class Answers:
    """Text of a conversation, and the characters [start, end) of every trained turn, from the end of its prompt."""

    text: str
    spans: list[tuple[int, int]]


def find_answers(tokenizer: ChatTokenizer, example: Example, text: str, *, last_only: bool) -> Answers:
    """Return the trained turns of a conversation that was rendered as ``text``.

    Raises:
        LabelsInvalid: an answer does not begin as the generation prompt ends; or, caused by `AnswersInseparable`, each
            trained turn needs a sequence of its own.
    """
    places, spans = trained_turns(example, last_only=last_only), []
    for place in places:
        before = tokenizer.render(example.messages[:place], ask=True, tools=example.tools)
        after = tokenizer.render(example.messages[: place + 1], ask=False, tools=example.tools)
        if not after.startswith(before):
            after = _after_thinking(before, after, example.messages[place]) or _refuse(example, place, before)
        ended = _ended(tokenizer, example, place, len(before), after)
        if not text.startswith(ended):
            if len(places) > 1 or place + 1 < len(example.messages):
                what = f"{example.where}: the chat template rewrites earlier turns, so turn {place + 1} cannot be told"
                raise LabelsInvalid(f"{what} apart", next_step="use loss_on: last_answer") from AnswersInseparable()
            text = ended
        spans.append((len(before), len(ended)))
    return Answers(text, spans)


def trained_turns(example: Example, *, last_only: bool = False) -> list[int]:
    """Return the places of assistant turns of weight 1, or of the last one."""
    places = [place for place, turn in enumerate(example.messages) if turn.role == "assistant" and turn.weight]
    return places[-1:] if last_only else places


def one_answer_each(example: Example, *, last_only: bool = False) -> list[Example]:
    """Return the conversation up to each trained turn, in which nothing else is trained: as it will be asked for."""
    found = []
    for place in trained_turns(example, last_only=last_only):
        earlier = (evolve(turn, weight=0) if turn.role == "assistant" else turn for turn in example.messages[:place])
        cut_off = example.open and place + 1 == len(example.messages)
        found.append(evolve(example, messages=(*earlier, example.messages[place]), open=cut_off))
    return found


def _ended(tokenizer: ChatTokenizer, example: Example, place: int, start: int, after: str) -> str:
    """Return the conversation up to the stop token that ends the answer which begins at the character ``start``.

    Where the template ends no answer, it is the token that begins the next turn, if that is one of the model's.
    """
    ends = [found + len(stop) for stop in tokenizer.stop_texts if (found := after.find(stop, start)) >= 0]
    if ends:
        return after[: min(ends)]
    turn = example.messages[place]
    calls = turn.tool_calls
    reply = Message("tool", "?", tool_call_id=calls[0].id, name=calls[0].name) if calls else Message("user", "?")
    # earlier reasoning is dropped by some templates, which says nothing about how the next turn begins
    plain = (*example.messages[:place], evolve(turn, reasoning="", content=turn.content.rpartition(THOUGHT)[2]))
    try:
        shorter = tokenizer.render(plain, ask=False, tools=example.tools)
        longer = tokenizer.render((*plain, reply), ask=False, tools=example.tools)
    except LabelsInvalid:
        return after
    following = longer[len(shorter) :] if longer.startswith(shorter) else ""
    return after + next((stop for stop in tokenizer.stop_texts if following.startswith(stop)), "")


def _after_thinking(before: str, after: str, turn: Message) -> str:
    """Return the conversation up to a turn whose prompt begins its reasoning, though templates drop it when rendered.

    Empty where the prompt does nothing of the kind.
    """
    if not THINKING.search(before):
        return ""
    inside, marked, _ = turn.content.rpartition(THOUGHT)
    reasoning = turn.reasoning or (inside.partition("<think>")[2] or inside if marked else "")
    header = before[: THINKING.search(before).start()]  # type: ignore[union-attr]
    if not after.startswith(header):
        return ""
    said = after[len(header) :].rpartition(THOUGHT)[2].lstrip("\n")
    return f"{before}{reasoning.strip()}\n{THOUGHT}\n\n{said}"


def _refuse(example: Example, place: int, before: str) -> str:
    raise LabelsInvalid(
        f"{example.where}: the chat template's generation prompt is no prefix of turn {place + 1}: it ends in "
        f"{before[-20:]!r}",
        next_step="let the answers begin as the generation prompt ends, or use another chat template",
    )
