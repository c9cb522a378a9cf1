"""Golden cases: answers of the tuned model, compared with those of a server."""

from typing import Any

from attrs import frozen

from ftctl.domain.example import Message

TIE_NATS = 0.05
"""Two candidates nearer than this are a tie, not a difference."""


@frozen
class GoldenCase:
    """``messages`` → ``rendered`` text → ``token_ids`` → greedy ``output``.

    ``margins`` holds, for each generated token, the difference of the two best log-probabilities in nats: where it
    is tiny, another implementation may rightly choose the other token. ``noise`` is how far, in nats, rounding alone
    may move a logit in the dtype that the model computes in: about 1e-6 in float32, a tenth and more in bfloat16.
    ``top`` holds, for each of the first generated tokens, the best candidates as (token id, natural-log probability).
    ``tools`` were offered to the template.
    """

    messages: tuple[Message, ...]
    rendered: str
    token_ids: tuple[int, ...]
    output: str
    output_ids: tuple[int, ...]
    margins: tuple[float, ...]
    max_new_tokens: int
    noise: float = 0.0
    top: tuple[tuple[tuple[int, float], ...], ...] = ()
    tools: tuple[dict[str, Any], ...] = ()

    @property
    def tie(self) -> float:
        """Return the margin, in nats, below which two tokens are a tie."""
        return max(TIE_NATS, self.noise)
