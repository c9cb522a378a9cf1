"""Label mask: train the answers and the tokens that end them, nothing else."""

from collections.abc import Sequence
from itertools import groupby

from ftctl.domain.encoded import IGNORED, Encoded
from ftctl.domain.example import Example
from ftctl.errors import LabelsInvalid
from ftctl_adapters.modeling.tokenizer import ChatTokenizer


def encode_example(tokenizer: ChatTokenizer, example: Example, loss_on: str) -> Encoded:
    """Return the example's ids and labels.

    Args:
        tokenizer: of the model that is trained.
        example: a conversation, or raw text, of which every token is trained.
        loss_on: ``answers`` (every assistant turn of weight 1), ``last_answer``, or ``all``.

    Raises:
        LabelsInvalid: the template does not let answers be told apart, a trained turn does not end in a stop token,
            or nothing would be trained.
    """
    if not example.messages:
        ids = tokenizer.encode(example.text)
        ids += [min(tokenizer.stop_ids)] if tokenizer.stop_ids else []
        return Encoded(example.where, tuple(ids), tuple(ids))
    _refuse_special_tokens(tokenizer, example)
    try:
        text = tokenizer.render(example.messages, ask=False, tools=example.tools)
    except LabelsInvalid as error:
        raise LabelsInvalid(f"{example.where}: {error.what}", next_step=error.next_step) from error
    ids, offsets = tokenizer.encode_with_offsets(text)
    _refuse_double_bos(tokenizer, example, ids)
    if loss_on == "all":
        return Encoded(example.where, tuple(ids), tuple(ids))
    spans = _answer_spans(tokenizer, example, text, last_only=loss_on == "last_answer")
    labels = [IGNORED] * len(ids)
    for start, end in spans:
        _train_turn(tokenizer, example, ids, offsets, labels, start, end)
    encoded = Encoded(example.where, tuple(ids), tuple(labels))
    if not encoded.trained:
        raise LabelsInvalid(f"{example.where}: no token would be trained")
    return encoded


def _answer_spans(tokenizer: ChatTokenizer, example: Example, text: str, *, last_only: bool) -> list[tuple[int, int]]:
    """Yield the characters [start, end) of every trained turn, from the end of its prompt."""
    places = [place for place, m in enumerate(example.messages) if m.role == "assistant" and m.weight]
    spans = []
    for place in places[-1:] if last_only else places:
        before = tokenizer.render(example.messages[:place], ask=True, tools=example.tools)
        after = tokenizer.render(example.messages[: place + 1], ask=False, tools=example.tools)
        if not (text.startswith(after) and after.startswith(before)):
            raise LabelsInvalid(
                f"{example.where}: the chat template rewrites earlier turns, so turn {place + 1} cannot be told apart",
                next_step="use loss_on: last_answer, or a template that only appends",
            )
        spans.append((len(before), len(after)))
    return spans


def _train_turn(
    tokenizer: ChatTokenizer,
    example: Example,
    ids: Sequence[int],
    offsets: Sequence[tuple[int, int]],
    labels: list[int],
    start: int,
    end: int,
) -> None:
    """Set the labels of one turn, up to and including its first stop token."""
    for place, (first, last) in enumerate(offsets):
        if first >= end:
            break
        if first >= start and last > first:
            stops = ids[place] in tokenizer.stop_ids
            if not (stops and example.open):
                labels[place] = ids[place]
            if stops:
                return
    raise LabelsInvalid(
        f"{example.where}: a trained answer does not end in a stop token {sorted(tokenizer.stop_ids)}: "
        "the model would never learn to stop",
        next_step="let the chat template end assistant turns with the tokenizer's eos token",
    )


def _refuse_special_tokens(tokenizer: ChatTokenizer, example: Example) -> None:
    """Refuse content that spells a special token, which would end its turn or forge another."""
    for place, message in enumerate(example.messages, 1):
        found = next((token for token in tokenizer.special_tokens if token in message.content), None)
        if found:
            raise LabelsInvalid(
                f"{example.where}: turn {place} spells the special token {found!r}, which would end or forge a turn",
                next_step="take it out of the data, or write it apart",
            )


def _refuse_double_bos(tokenizer: ChatTokenizer, example: Example, ids: Sequence[int]) -> None:
    bos = tokenizer.raw.bos_token_id
    if bos is not None and list(ids[:2]) == [bos, bos]:
        raise LabelsInvalid(f"{example.where}: the text begins with two BOS tokens")


def show_labels(tokenizer: ChatTokenizer, encoded: Encoded) -> str:
    """Return the text with trained tokens between ``⟦`` and ``⟧``."""
    parts: list[str] = []
    pairs = zip(encoded.ids, encoded.labels, strict=True)
    for trained, run in groupby(pairs, key=lambda pair: pair[1] != IGNORED):
        text = tokenizer.raw.decode([token for token, _ in run])
        parts.append(f"⟦{text}⟧" if trained else text)
    return "".join(parts)
