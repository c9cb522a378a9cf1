"""Encode a conversation so that each prompt's ids are a prefix of it, as they are when the model is asked."""

from collections.abc import Sequence

from attrs import define

from ftctl_adapters.modeling.tokenizer import ChatTokenizer

Offsets = list[tuple[int, int]]
BEFORE = "\n"
"""Text before a piece that is encoded alone: tokenizers may put a blank before the first word of a text."""


@define
class Bordered:
    """Token ids of a text, the characters [start, end) of each, and the index of each answer's first token.

    ``apart`` tells that both sides of the answers' beginnings were encoded by themselves.
    """

    ids: list[int]
    offsets: Offsets
    starts: list[int]
    apart: bool = False


def encode_bordered(tokenizer: ChatTokenizer, text: str, starts: Sequence[int]) -> Bordered:
    """Encode a text in one piece, or in pieces if a token would straddle the end of a prompt.

    At inference the prompt is encoded alone, and the answer is generated after it. If the tokens of the whole text do
    not begin with those of the prompt, both sides are encoded apart, so that the answer's first token is trained.

    Args:
        tokenizer: of the model.
        text: the rendered conversation.
        starts: characters at which answers begin, rising.
    """
    ids, offsets = tokenizer.encode_with_offsets(text)
    prompts = [tokenizer.encode(text[:start]) for start in starts]
    if all(_is_prefix(prompt, ids) for prompt in prompts):
        return Bordered(ids, offsets, [len(prompt) for prompt in prompts])
    ids, offsets = tokenizer.encode_with_offsets(text[: starts[0]])
    found = Bordered(ids, offsets, [], apart=True)
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        found.starts.append(len(found.ids))
        ids, offsets = _piece(tokenizer, text[start:end])
        found.ids += ids
        found.offsets += [(start + first, start + last) for first, last in offsets]
    return found


def _is_prefix(some: Sequence[int], ids: Sequence[int]) -> bool:
    return list(ids[: len(some)]) == list(some)


def _piece(tokenizer: ChatTokenizer, text: str) -> tuple[list[int], Offsets]:
    """Encode a text that continues another one, without the blank that a tokenizer may put before a text."""
    before = tokenizer.encode(BEFORE)
    ids, offsets = tokenizer.encode_with_offsets(BEFORE + text)
    if not _is_prefix(before, ids):
        return tokenizer.encode_with_offsets(text)
    shift = len(BEFORE)
    return ids[len(before) :], [(max(0, a - shift), max(0, b - shift)) for a, b in offsets[len(before) :]]
