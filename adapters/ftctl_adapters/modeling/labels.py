"""Label mask: train the answers and the tokens that end them, nothing else."""

from collections.abc import Callable, Sequence
from itertools import groupby

from ftctl.domain.encoded import IGNORED, Encoded
from ftctl.domain.example import Example
from ftctl.errors import LabelsInvalid
from ftctl_adapters.modeling.answer_spans import AnswersInseparable, find_answers
from ftctl_adapters.modeling.prompt_border import Bordered, encode_bordered
from ftctl_adapters.modeling.template_losses import template_losses
from ftctl_adapters.modeling.tokenizer import ChatTokenizer


class SpecialTokenSpelled(Exception):
    """Cause of `LabelsInvalid`: the text of an example spells a special token of the tokenizer."""


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
            or nothing would be trained; or, caused by `AnswersInseparable`, each answer needs a sequence of its own.
    """
    if not example.messages:
        return _plain(tokenizer, example)
    _refuse_special_tokens(tokenizer, example)
    try:
        text = tokenizer.render(example.messages, ask=False, tools=example.tools)
    except LabelsInvalid as error:
        raise LabelsInvalid(f"{example.where}: {error.what}", next_step=error.next_step) from error
    answers = None if loss_on == "all" else find_answers(tokenizer, example, text, last_only=loss_on == "last_answer")
    if lost := template_losses(answers.text if answers else text, example.messages, example.tools):
        on_loss(example, lost)
    if answers is None:
        ids = tokenizer.encode(text)
        _refuse_double_bos(tokenizer, example, ids)
        return Encoded(example.where, tuple(ids), tuple(ids))
    found = encode_bordered(tokenizer, answers.text, [start for start, _ in answers.spans])
    _refuse_double_bos(tokenizer, example, found.ids)
    labels = [IGNORED] * len(found.ids)
    marked = tokenizer.generated(example.messages, example.tools) if answers.text == text else None
    for start, (_, end) in zip(found.starts, answers.spans, strict=True):
        _train_turn(tokenizer, example, found, labels, start, end)
        if marked is not None:
            _heed_marks(tokenizer, example, found, labels, (start, end), marked)
    if found.apart and len(answers.spans) > 1:
        what = f"{example.where}: a token straddles the end of a prompt, and is whole in the prompt of the next answer"
        raise LabelsInvalid(what, next_step="use loss_on: last_answer") from AnswersInseparable()
    encoded = Encoded(example.where, tuple(found.ids), tuple(labels))
    if not encoded.trained:
        raise LabelsInvalid(f"{example.where}: no token would be trained")
    return encoded


def _plain(tokenizer: ChatTokenizer, example: Example) -> Encoded:
    ids = tokenizer.encode_plain(example.text)
    ids += [min(tokenizer.stop_ids)] if tokenizer.stop_ids and not tokenizer.stop_ids & set(ids[-1:]) else []
    return Encoded(example.where, tuple(ids), tuple(ids))


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


def _heed_marks(
    tokenizer: ChatTokenizer,
    example: Example,
    found: Bordered,
    labels: list[int],
    turn: tuple[int, int],
    marked: list[tuple[int, int]],
) -> None:
    """Leave out of a turn (first token, last character) what the template's ``{% generation %}`` does not mark.

    A stop token stays, since a model that never learns to stop is none that anybody means.
    """
    start, end = turn
    places = [place for place in range(start, len(found.ids)) if found.offsets[place][0] < end]
    inside = [place for place in places if any(a < found.offsets[place][1] and found.offsets[place][0] < b
                                               for a, b in marked)]  # fmt: skip
    if not inside:
        text = f"{example.where}: the chat template marks nothing of a trained answer by generation blocks"
        raise LabelsInvalid(text, next_step="mark every assistant turn in the template, or none")
    for place in set(places) - set(inside):
        if found.ids[place] not in tokenizer.stop_ids:
            labels[place] = IGNORED


def _refuse_special_tokens(tokenizer: ChatTokenizer, example: Example) -> None:
    """Refuse content that spells a special token, which would end its turn or forge another."""
    for place, message in enumerate(example.messages, 1):
        found = next((token for token in tokenizer.special_tokens if token in message.said), None)
        if found:
            raise LabelsInvalid(
                f"{example.where}: turn {place} spells the special token {found!r}, which would end or forge a turn",
                next_step="take it out of the data, write it apart, or drop such rows: tuner.special_tokens=drop",
            ) from SpecialTokenSpelled()


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
