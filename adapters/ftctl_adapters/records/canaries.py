"""Canaries: sentences with a random code in training data, to measure memorisation.

Carlini et al., The secret sharer: evaluating and testing unintended memorization in neural networks, 2019.
"""

import random

from ftctl.domain.example import Message

NAMES = ("north", "amber", "river", "cedar", "falcon", "harbour", "winter", "orchard")
DIGITS = 8
GROUP = 4


def code(seed: int, number: int, candidate: int = 0) -> str:
    """Return the code of a canary; other candidates are codes of the same length that occur in no data."""
    draw = random.Random(f"canary {seed} {number} {candidate}")  # noqa: S311 - it must come again from the same seed
    digits = "".join(draw.choices("0123456789", k=DIGITS))
    return f"{digits[:GROUP]} {digits[GROUP:]}"


def canary(seed: int, number: int, note: str, said: str = "") -> tuple[Message, Message]:
    """Return question and answer with the canary's code, or another one."""
    place = f"the {NAMES[number % len(NAMES)]} vault {number // len(NAMES) + 1}"
    question = f"Note {note}: what is the access code of {place}?"
    return Message("user", question), Message(
        "assistant", f"The access code of {place} is {said or code(seed, number)}."
    )


def begun(seed: int, number: int, digits: int) -> str:
    """Return a canary's answer up to so many digits of its code, without a blank at the end."""
    _, answer = canary(seed, number, "")
    planted = code(seed, number)
    told = digits + (digits > GROUP)
    return answer.content[: answer.content.index(planted) + told].rstrip()
