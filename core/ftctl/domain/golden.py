"""Golden cases: what the tuned model did, to be seen again wherever it is served."""

from attrs import frozen

from ftctl.domain.example import Message


@frozen
class GoldenCase:
    """``messages`` → ``rendered`` text → ``token_ids`` → greedy ``output``.

    ``margins`` holds, for each generated token, the difference of the two best log-probabilities in nats: where it
    is tiny, another implementation may rightly choose the other token.
    """

    messages: tuple[Message, ...]
    rendered: str
    token_ids: tuple[int, ...]
    output: str
    output_ids: tuple[int, ...]
    margins: tuple[float, ...]
    max_new_tokens: int


TIE_NATS = 0.05
"""Two candidates nearer than this are a tie, not a difference."""
