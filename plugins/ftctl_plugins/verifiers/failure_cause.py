"""Find the broken link between messages and answer."""

from collections.abc import Callable

from attrs import frozen

from ftctl.domain.golden import GoldenCase
from ftctl_plugins.verifiers.answer_comparison import DIFFERENT, readable

WHOLE = "whole"
OWN_TEMPLATE, OWN_TOKENIZER = "artifact-template", "artifact-tokenizer"
TEMPLATE, TOKENIZER, BOS, PROMPT, STOP, WEIGHTS = "template", "tokenizer", "bos", "prompt", "stop", "weights"

CAUSES = {
    OWN_TEMPLATE: "the artifact's chat template renders another text than the one trained with",
    OWN_TOKENIZER: "the artifact's tokenizer makes other tokens than the one trained with",
    TEMPLATE: "template: the server renders another prompt than the model was trained with",
    TOKENIZER: "tokenizer: the server makes other tokens of the same text",
    BOS: "BOS: the server's prompt has one token more or less at its beginning",
    PROMPT: "the server makes another number of prompt tokens: its template or its BOS differs",
    WEIGHTS: "weights: the server answers otherwise although prompt and tokens are equal",
    STOP: "stop: the server ends answers elsewhere although prompt and tokens are equal",
}
"""What is said of each, the earliest link first: the others follow from it. Other weights end elsewhere, too."""

REMEDIES = {
    TEMPLATE: "start the server with the artifact's own chat_template.jinja",
    TOKENIZER: "serve the artifact with its own tokenizer.json",
    BOS: "the template writes the BOS where there is one; let the server add none",
    STOP: "the stop tokens are eos_token_id in the artifact's generation_config.json and config.json",
    WEIGHTS: "is it this artifact that is served, in this format?",
}


@frozen
class Seen:
    """Observations of a server's reply to one case; ``None`` where it does not tell.

    ``ids`` and ``prompt_tokens`` are of the messages, ``ids_of_text`` of the text that was trained; ``text_tokens``
    and ``text_output`` are of a completion of that text. ``output`` and ``text_output`` are how the answers compare.
    """

    ids: tuple[int, ...] | None
    prompt_tokens: int | None
    answer: str
    output: str
    ids_of_text: Callable[[], tuple[int, ...] | None]
    completion: Callable[[], tuple[int | None, str] | None]


def broken_link(case: GoldenCase, seen: Seen, *, stops: bool) -> str:
    """Return the first broken link, or ``whole``.

    Args:
        case: what was recorded after training.
        seen: what the server did.
        stops: whether the recorded answer ended by itself.
    """
    link = _prompt_by_ids(case, seen) if seen.ids is not None else _prompt_by_count(case, seen)
    if link != WHOLE or seen.output != DIFFERENT:
        return link
    if seen.ids is None and (told := seen.completion()) and told[1] != DIFFERENT:
        return TEMPLATE
    expected, found = readable(case.output), readable(seen.answer)
    longer, shorter = stops and found.startswith(expected), expected.startswith(found)
    return STOP if expected and found and (longer or shorter) else WEIGHTS


def _prompt_by_ids(case: GoldenCase, seen: Seen) -> str:
    ids = seen.ids or ()
    if ids == case.token_ids:
        return WHOLE
    if ids[1:] == case.token_ids or ids == case.token_ids[1:]:
        return BOS
    of_text = seen.ids_of_text()
    if of_text is None:
        return PROMPT
    return TEMPLATE if of_text == case.token_ids else TOKENIZER


def _prompt_by_count(case: GoldenCase, seen: Seen) -> str:
    """Compare the prompt by token counts: of a completion of the text, and of the chat."""
    if seen.prompt_tokens in (None, len(case.token_ids)):
        return WHOLE
    told = seen.completion()
    if told is None or told[0] is None:
        return PROMPT
    more, of_text = (count - len(case.token_ids) for count in (seen.prompt_tokens or 0, told[0]))
    if of_text == more == 1:
        return BOS
    if of_text not in (0, 1):
        return TOKENIZER
    return TEMPLATE if abs(more) != 1 else PROMPT
