"""Verdict: supported, or refused with reasons."""

from attrs import frozen


@frozen
class Verdict:
    """Support verdict of a backend; each reason is one sentence that says what to change."""

    reasons: tuple[str, ...] = ()
