"""Label mask: train the answers and the tokens that end them, nothing else."""

from collections.abc import Callable, Sequence
from itertools import groupby

from ftctl.domain.encoded import IGNORED, Encoded
from ftctl.domain.example import Example
from ftctl.errors import LabelsInvalid
from ftctl_adapters.modeling.prompt_border import Bordered, encode_bordered
from ftctl_adapters.modeling.template_losses import template_losses
from ftctl_adapters.modeling.tokenizer import ChatTokenizer

Losses = Callable[[Example, list[str]], None]
"""Called with the parts of an example that the chat template leaves out."""


def encode_example(
    tokenizer: ChatTokenizer, example: Example, loss_on: str, on_loss: Losses = lambda example, lost: None
) -> Encoded:
    """Return the example's ids and labels.

    Args:
        tokenizer: of the model that is trained.
        example: a conversation, or raw text, of which every token is trained.
        loss_on: ``answers`` (every assistant turn of weight 1), ``last_answer``, or ``all``.
        on_loss: called if the template leaves something of the conversation out; by default that is ignored.

    Raises:
        LabelsInvalid: the template does not let answers be told apart, a trained turn does not end in a stop token,
            or nothing would be trained.
    """
    if not example.messages:
        ids = tokenizer.encode_plain(example.text)
        ids += [min(tokenizer.stop_ids)] if tokenizer.stop_ids and not tokenizer.stop_ids & set(ids[-1:]) else []
        return Encoded(example.where, tuple(ids), tuple(ids))
    _refuse_special_tokens(tokenizer, example)
    try:
        text = tokenizer.render(example.messages, ask=False, tools=example.tools)
    except LabelsInvalid as error:
        raise LabelsInvalid(f"{example.where}: {error.what}", next_step=error.next_step) from error
    if lost := template_losses(text, example.messages, example.tools):
        on_loss(example, lost)
    if loss_on == "all":
        ids = tokenizer.encode(text)
        _refuse_double_bos(tokenizer, example, ids)
        return Encoded(example.where, tuple(ids), tuple(ids))
    spans = _answer_spans(tokenizer, example, text, last_only=loss_on == "last_answer")
    found = encode_bordered(tokenizer, text, [start for start, _ in spans])
    _refuse_double_bos(tokenizer, example, found.ids)
    labels = [IGNORED] * len(found.ids)
    for start, (_, end) in zip(found.starts, spans, strict=True):
        _train_turn(tokenizer, example, found, labels, start, end)
    encoded = Encoded(example.where, tuple(found.ids), tuple(labels))
    if not encoded.trained:
        raise LabelsInvalid(f"{example.where}: no token would be trained")
    return encoded


def _answer_spans(tokenizer: ChatTokenizer, example: Example, text: str, *, last_only: bool) -> list[tuple[int, int]]:
    """Return the characters [start, end) of every trained turn, from the end of its prompt."""
    places = [place for place, m in enumerate(example.messages) if m.role == "assistant" and m.weight]
    spans = []
    for place in places[-1:] if last_only else places:
        before = tokenizer.render(example.messages[:place], ask=True, tools=example.tools)
        after = tokenizer.render(example.messages[: place + 1], ask=False, tools=example.tools)
        if not after.startswith(before):
            raise LabelsInvalid(
                f"{example.where}: the chat template's generation prompt is no prefix of turn {place + 1}: it ends in "
                f"{before[-20:]!r}",
                next_step="let the answers begin as the generation prompt ends, or use another chat template",
            )
        if not text.startswith(after):
            raise LabelsInvalid(
                f"{example.where}: the chat template rewrites earlier turns, so turn {place + 1} cannot be told apart",
                next_step="use loss_on: last_answer, or a template that only appends",
            )
        spans.append((len(before), len(after)))
    return spans


def _train_turn(
    tokenizer: ChatTokenizer, example: Example, found: Bordered, labels: list[int], start: int, end: int
) -> None:
    """Set the labels of one turn, from the token ``start`` up to its first stop token before the character ``end``."""
    for place in range(start, len(found.ids)):
        if found.offsets[place][0] >= end:
            break
        stops = found.ids[place] in tokenizer.stop_ids
        if not (stops and example.open):
            labels[place] = found.ids[place]
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
        found = next((token for token in tokenizer.special_tokens if token in message.said), None)
        if found:
            raise LabelsInvalid(
                f"{example.where}: turn {place} spells the special token {found!r}, which would end or forge a turn",
                next_step="take it out of the data, or write it apart",
            )


def _refuse_double_bos(tokenizer: ChatTokenizer, example: Example, ids: Sequence[int]) -> None:
    bos = tokenizer.raw.bos_token_id
    if bos is not None and list(ids[:2]) == [bos, bos]:
        raise LabelsInvalid(f"{example.where}: the text begins with two BOS tokens")


def refuse_losses(example: Example, lost: list[str]) -> None:
    """Refuse an example of which the chat template leaves something out.

    Raises:
        LabelsInvalid: with the parts that are missing from the rendered text.
    """
    raise LabelsInvalid(
        f"{example.where}: the chat template leaves out {', '.join(lost)}",
        next_step="use a chat template that writes it, change the data, or allow it: tuner.template_drops=allow",
    )


def show_labels(tokenizer: ChatTokenizer, encoded: Encoded) -> str:
    """Return the text with trained tokens between ``⟦`` and ``⟧``."""
    parts: list[str] = []
    pairs = zip(encoded.ids, encoded.labels, strict=True)
    for trained, run in groupby(pairs, key=lambda pair: pair[1] != IGNORED):
        text = tokenizer.raw.decode([token for token, _ in run])
        parts.append(f"⟦{text}⟧" if trained else text)
    return "".join(parts)
