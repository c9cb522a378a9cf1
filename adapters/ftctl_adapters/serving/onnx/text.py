"""Turn tokens into text incrementally."""

from collections.abc import Sequence
from typing import Any

from tokenizers.decoders import DecodeStream


class TextStream:
    """Text stream of complete characters, up to a stop text, which is never shown.

    Pieces together are the text, streamed or not: what could be the beginning of a stop text is held back until it is
    known.
    """

    def __init__(self, tokenizer: Any, stops: Sequence[str]) -> None:
        self._tokenizer = tokenizer.backend_tokenizer
        self._stream = DecodeStream(skip_special_tokens=True)
        self._stops = tuple(stops)
        self._held = ""
        self.stopped = False

    def add(self, token: int) -> str:
        """Add a token and return the text that can be shown now."""
        self._held += self._piece(token)
        places = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if places:
            self.stopped = True
            return self._shown(min(places))
        return self._shown(len(self._held) - self._suspicious())

    def end(self) -> str:
        """Return text that was held back."""
        return "" if self.stopped else self._shown(len(self._held))

    def _piece(self, token: int) -> str:
        try:
            return self._stream.step(self._tokenizer, token) or ""
        except Exception:
            # bytes that are no character: tokenizers gives up the whole stream, and a fresh one goes on behind them
            self._stream = DecodeStream(skip_special_tokens=True)
            return self._stream.step(self._tokenizer, token) or ""

    def _shown(self, length: int) -> str:
        piece, self._held = self._held[:length], self._held[length:]
        return piece

    def _suspicious(self) -> int:
        """Return the number of characters at the end that may begin a stop text."""
        lengths = [size for stop in self._stops for size in range(1, len(stop)) if self._held.endswith(stop[:size])]
        return max(lengths, default=0)
