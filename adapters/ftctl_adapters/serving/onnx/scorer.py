"""Log-probabilities of prompt tokens, computed beside the engine's batches."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from attrs import frozen

from ftctl_adapters.modeling.onnx import prompt_logits
from ftctl_adapters.modeling.token_scores import TokenScores, token_scores
from ftctl_adapters.serving.onnx.engine import Full

Decode = Callable[[Sequence[int]], str]


@frozen
class Scored:
    """Scored prompt: its ids, a generated token if asked for, and log-probabilities of all but the first."""

    ids: tuple[int, ...]
    made: int
    told: TokenScores

    def document(self, decode: Decode) -> dict[str, Any]:
        """Return the `logprobs` of a completion: four lists, one entry a token; the first has no value.

        Of tokens that are one text, such as pieces of characters, the likeliest is told.
        """
        words = [decode([token]) for token in self.ids]
        offsets = [0]
        for word in words[:-1]:
            offsets.append(offsets[-1] + len(word))
        best: list[dict[str, float]] = []
        for ids, values in zip(self.told.likeliest, self.told.theirs, strict=True):
            place: dict[str, float] = {}
            for token, value in zip(ids, values, strict=True):
                place.setdefault(decode([int(token)]), float(value))
            best.append(place)
        return {
            "tokens": words,
            "token_logprobs": [None, *map(float, self.told.log_probabilities)],
            "top_logprobs": [None, *best] if self.told.likeliest.shape[1] else None,
            "text_offset": offsets,
        }


class Scorer:
    """Scorer of one prompt at a time; at most ``room`` may wait or be computed."""

    def __init__(self, model: Any, room: int) -> None:
        self._model, self._room = model, room
        self._thread = ThreadPoolExecutor(1, "scores")
        self.load = 0

    async def score(self, ids: Sequence[int], top: int, *, make: bool) -> Scored:
        """Return the log-probabilities of a prompt, and with ``make`` of the likeliest next token.

        Raises:
            Full: too many are waiting.
            RuntimeError: the runtime failed at it.
        """
        if self.load >= self._room:
            raise Full
        self.load += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._compute, tuple(ids), top, make)
        finally:
            self.load -= 1

    def _compute(self, ids: tuple[int, ...], top: int, make: bool) -> Scored:
        logits = prompt_logits(self._model, ids, len(ids) + 1)
        whole = (*ids, int(logits[-1].argmax())) if make else ids
        return Scored(whole, len(whole) - len(ids), token_scores(logits[: len(whole) - 1], whole[1:], top))
