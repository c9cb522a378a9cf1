"""Rows with a preferred and a rejected answer, in the layouts in use."""

import re
from collections.abc import Mapping
from typing import Any

from attrs import evolve

from ftctl.domain.example import Message
from ftctl_adapters.records.formats.conversations import with_system
from ftctl_adapters.records.formats.pairs import instruction, pair_of, read_pair, read_prompt
from ftctl_adapters.records.formats.parsed import NotThisFormat, Parsed, has, text_of
from ftctl_adapters.records.formats.turns import OPENAI, SHAREGPT, Style, read_turn, read_turns

SPEAKERS = re.compile(r"\n\n(Human|Assistant): ")
"""Turns of a conversation in one text, as Anthropic's HH-RLHF has them."""
Turns = tuple[Message, ...]
WHOLE = ("chosen_messages", "rejected_messages")


def read_preference(row: Mapping[str, Any]) -> Parsed:
    """Read a pair of answers to the same turns.

    Raises:
        NotThisFormat: they are no two different answers to the same turns.
    """
    if has(row, *WHOLE):
        return _whole_conversations(row)
    if not has(row, "chosen", "rejected"):
        return _rejected_beside(row)
    asked, used = _asked(row)
    chosen, rejected = (_answers(row[key], key, row) for key in ("chosen", "rejected"))
    shared = _common(chosen, rejected)
    if shared:
        if asked and asked[-len(shared) :] != shared and shared[-len(asked) :] != asked:
            raise NotThisFormat("chosen and rejected begin with other turns than the prompt")
        asked = asked if len(asked) >= len(shared) else with_system(row, shared)
        chosen, rejected = chosen[len(shared) :], rejected[len(shared) :]
    if has(row, "messages") and "messages" not in used:
        # UltraFeedback has the chosen conversation once more
        if with_system(row, read_turns(row["messages"], "messages")) != (*asked, *chosen):
            raise NotThisFormat("`messages` are other turns than those of the chosen answer")
        used = used | {"messages"}
    return _pair(asked, chosen, rejected, used | {"chosen", "rejected"})


def _whole_conversations(row: Mapping[str, Any]) -> Parsed:
    """Read two whole conversations under the names that LLaMA-Factory has for them."""
    both = [key for key in ("chosen", "rejected") if has(row, key)]
    if both:
        raise NotThisFormat(f"`{both[0]}` and `{both[0]}_messages` are both given; leave one out")
    left = {key: value for key, value in row.items() if key not in WHOLE}
    parsed = read_preference(left | {"chosen": row[WHOLE[0]], "rejected": row[WHOLE[1]]})
    return evolve(parsed, used=(parsed.used - {"chosen", "rejected"}) | {*WHOLE})


def _rejected_beside(row: Mapping[str, Any]) -> Parsed:
    """Read a whole conversation or pair, and ``rejected_response`` in place of its last answer."""
    style, key = (SHAREGPT, "conversations") if "conversations" in row else (OPENAI, "messages")
    if key in row:
        turns, used = with_system(row, read_turns(row[key], key, style)), {key, "system"}
    else:
        parsed = read_pair(row)
        turns, used = parsed.messages, set(parsed.used)
    rejected = (Message("assistant", text_of(row["rejected_response"], "rejected_response")),)
    return _pair(turns[:-1], turns[-1:], rejected, used | {"rejected_response"})


def _asked(row: Mapping[str, Any]) -> tuple[Turns, set[str]]:
    """Return the turns that both answers follow, as far as they stand beside them, and their keys."""
    if "conversations" in row:
        turns = read_turns(row["conversations"], "conversations", SHAREGPT)
        return with_system(row, turns), {"conversations", "system"}
    if "instruction" in row:
        return instruction(row), {"instruction", "input", "context", "system", "history"}
    if has(row, "prompt"):
        return read_prompt(row), {"prompt", "system", "history"}
    if has(row, "messages"):
        return with_system(row, read_turns(row["messages"], "messages")), {"messages", "system"}
    asking = next((pair[0] for pair in [pair_of({**row, "response": ""})] if pair and has(row, pair[0])), None)
    if asking:
        return with_system(row, (Message("user", text_of(row[asking], asking)),)), {asking, "system"}
    return (), {"system"}


def _answers(value: Any, key: str, row: Mapping[str, Any]) -> Turns:
    style: Style = SHAREGPT if isinstance(value, dict) and "from" in value else OPENAI
    if isinstance(value, dict):
        return (read_turn(value, key, style),)
    if isinstance(value, list):
        speaks = value and isinstance(value[0], dict) and "from" in value[0]
        return read_turns(value, key, SHAREGPT if speaks else OPENAI)
    text = text_of(value, key)
    if not has(row, "prompt") and SPEAKERS.match(text):
        names = {"Human": "user", "Assistant": "assistant"}
        pieces = SPEAKERS.split(text)[1:]
        return tuple(Message(names[who], said) for who, said in zip(pieces[::2], pieces[1::2], strict=True))  # type: ignore[arg-type]
    return (Message("assistant", text),)


def _common(chosen: Turns, rejected: Turns) -> Turns:
    """Return the turns that both begin with, if both go on with one answer behind them."""
    both = chosen[:-1]
    return both if both and rejected[:-1] == both else ()


def _pair(asked: Turns, chosen: Turns, rejected: Turns, used: set[str]) -> Parsed:
    if not asked or len(chosen) != 1 or len(rejected) != 1:
        raise NotThisFormat("chosen and rejected must be one answer each to the same turns; is `prompt` missing?")
    if not rejected[0].said.strip():
        raise NotThisFormat("rejected: the answer is empty")
    if rejected[0].identity == chosen[0].identity:
        raise NotThisFormat("chosen and rejected are the same answer")
    return Parsed((*asked, chosen[0]), "", rejected, frozenset(used))
