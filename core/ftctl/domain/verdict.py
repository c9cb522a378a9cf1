"""A yes, or a no with its reasons."""

from attrs import frozen


@frozen
class Verdict:
    """Support verdict of a backend; each reason is one sentence that says what to change."""

    reasons: tuple[str, ...] = ()
