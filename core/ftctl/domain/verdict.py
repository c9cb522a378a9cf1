"""A yes, or a no with its reasons."""

from attrs import frozen


@frozen
class Verdict:
    """Whether a backend can take a model; each reason is one sentence that says what to change."""

    reasons: tuple[str, ...] = ()
